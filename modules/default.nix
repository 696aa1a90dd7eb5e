# Our own NixOS modules. The list is explicit: adding a folder is not yet publishing it.
{
  contracts = ./contracts;
  identity = ./identity;
  secrets = ./secrets;
}
