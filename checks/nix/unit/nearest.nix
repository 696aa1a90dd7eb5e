# The same cases as cli/model/src/suggest.rs, and the distances behind them.
{ infraLib, ... }:
let
  inherit (infraLib) nearest;
  hosts = [
    "web"
    "db"
    "backup"
    "router"
  ];
  finds = word: candidates: expected: {
    name = "nearest to ${word}";
    expr = nearest.find word candidates;
    inherit expected;
  };
  apart = a: b: expected: {
    name = "distance of ${a} and ${b}";
    expr = nearest.distance a b;
    inherit expected;
  };
in
[
  (finds "wbe" hosts "web")
  (finds "we" hosts "web")
  (finds "back" hosts "backup")
  (finds "ruoter" hosts "router")
  (finds "laptop" hosts null)
  (finds "x" [ ] null)
  (finds "adresses" [ "tags" "addresses" ] "addresses")
  # Two equally near: the first by alphabet, so that the answer does not depend on the order of the list.
  (finds "bat" [ "cat" "bar" ] "bar")
  (apart "" "" 0)
  (apart "web" "" 3)
  (apart "" "web" 3)
  (apart "web" "web" 0)
  (apart "web" "wbe" 1)
  (apart "kitten" "sitting" 3)
]
