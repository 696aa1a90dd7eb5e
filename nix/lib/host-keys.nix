# The keys of `host.toml`: one table, read by the validation, by the records, and by the reference (nix/docs/repository.md).
{ shapes }:
let
  classes = [
    "nixos"
    "microvm"
    "container"
    "home"
    "linux"
  ];
in
{
  inherit classes;

  # `default` is what a host has that says nothing; `inherits` marks the keys that `[defaults]` of infra.toml may set for all hosts.
  keys = [
    {
      name = "class";
      required = true;
      shape = shapes.oneOf classes;
      meaning = "What kind of system the host runs.";
    }
    {
      name = "system";
      required = true;
      shape = shapes.nixSystem;
      meaning = "The Nix system it is built for.";
    }
    {
      name = "tags";
      default = [ ];
      shape = shapes.tags;
      meaning = "Words to select it by (`@tag`) and for modules to ask for.";
    }
    {
      name = "addresses";
      # The host's name; filled in by host.nix, which knows it.
      default = [ ];
      shape = shapes.addresses;
      meaning = "Where it is reached, tried in this order. Without any: its name.";
    }
    {
      name = "user";
      default = "root";
      inherits = true;
      shape = shapes.user;
      meaning = "Who logs in over SSH. For class `home`: whose home it is.";
    }
    {
      name = "port";
      default = 22;
      inherits = true;
      shape = shapes.port;
      meaning = "The port of its SSH server.";
    }
    {
      name = "jump";
      default = null;
      inherits = true;
      shape = shapes.jump;
      meaning = "A host that SSH connections to it pass through.";
    }
    {
      name = "build";
      default = "local";
      inherits = true;
      shape = shapes.build;
      meaning = "Where its system is built: here, on itself, or on another host.";
    }
    {
      name = "platform";
      default = "ssh";
      inherits = true;
      shape = shapes.oneOf [
        "ssh"
        "qemu"
        "cloud-hypervisor"
        "docker"
        "podman"
      ];
      meaning = "How it comes to exist; `ssh`: it exists already.";
    }
    {
      name = "parent";
      default = null;
      shape = shapes.hostName;
      meaning = "The host that runs this guest.";
    }
    {
      name = "shared";
      default = null;
      shape = shapes.folders;
      meaning = "Shared folders in scope of this host: `modules`, or single ones like `modules/web`. Without it: all.";
    }
    {
      name = "wave";
      default = null;
      shape = shapes.wave;
      meaning = "Hosts of a lower wave are deployed first.";
    }
    {
      name = "relay";
      default = null;
      shape = shapes.hostName;
      meaning = "A host that passes closures on to this one.";
    }
  ];
}
