# Host names are DNS labels (RFC 1123), so they serve as folder names, attribute names and network names without quoting.
{ }:
{
  # Why `name` is no host name, in words; null if it is one. The same sentences as the CLI's (cli/model/src/name.rs).
  fault =
    name:
    let
      matches = pattern: builtins.match pattern name != null;
    in
    if name == "" then
      "it is empty"
    else if builtins.stringLength name > 63 then
      "it is longer than 63 characters"
    else if matches "-.*|.*-" then
      "it begins or ends with '-'"
    else if matches ".*[A-Z].*" then
      "it has upper-case letters"
    else if !matches "[a-z0-9-]+" then
      "it has characters other than a-z, 0-9 and '-'"
    else
      null;
}
