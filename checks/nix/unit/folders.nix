# Which names register something, and which say "not yet".
{ infraLib, ... }:
[
  {
    name = "sorted, without files and hidden folders";
    expr = infraLib.folders.below ../fixtures/folders;
    expected = [
      "a"
      "b"
    ];
  }
  {
    name = "no such folder";
    expr = infraLib.folders.below ../fixtures/folders/absent;
    expected = [ ];
  }
]
