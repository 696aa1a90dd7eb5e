# Users with a home of their own: the folders `homes/<user>` that have a home.nix.
{ folders }:
root:
builtins.filter (user: builtins.pathExists (root + "/homes/${user}/home.nix")) (
  folders.below (root + "/homes")
)
