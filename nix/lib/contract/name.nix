# Names of needs are file names, credential names and parts of environment variables, so they keep to what all of these can hold.
{ }:
{
  # Why `name` cannot be the name of a need, in words; null if it can. The same sentences as the CLI's (cli/model).
  fault =
    name:
    let
      matches = pattern: builtins.match pattern name != null;
    in
    if name == "" then
      "it is empty"
    else if builtins.stringLength name > 128 then
      "it is longer than 128 characters"
    else if matches "[.-].*" then
      "it begins with '.' or '-'"
    else if !matches "[A-Za-z0-9_.-]+" then
      "it has characters other than letters, digits and _.-"
    else
      null;
}
