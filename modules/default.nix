# Our own NixOS modules. The list is explicit: adding a folder is not yet publishing it.
{
  changes = ./changes;
  contracts = ./contracts;
  identity = ./identity;
  secrets = ./secrets;
}
