# `networking.interfaces`, `useDHCP`, gateways: files for systemd-networkd. They take effect where networkd runs, which is
# every machine booted by pocket; a machine with a userland of its own keeps the network that userland made.
{ lib, config, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.networking;

  addresses = bits: mkOption {
    type = types.listOf (types.submodule {
      options = {
        address = mkOption { type = types.str; description = "The address."; };
        prefixLength = mkOption { type = types.addCheck types.int (n: n >= 0 && n <= bits); description = "The length of the network part."; };
      };
    });
    default = [ ];
    description = "Fixed addresses.";
  };
  routes = mkOption {
    type = types.listOf (types.submodule {
      options = {
        address = mkOption { type = types.str; description = "The network."; };
        prefixLength = mkOption { type = types.int; description = "Its length."; };
        via = mkOption { type = types.nullOr types.str; default = null; description = "The next hop."; };
      };
    });
    default = [ ];
    description = "Routes.";
  };
  interface = { name, ... }: {
    options = {
      name = mkOption { type = types.str; default = name; description = "Its name."; };
      useDHCP = mkOption { type = types.nullOr types.bool; default = null; description = "Whether it is configured by DHCP."; };
      ipv4 = { addresses = addresses 32; inherit routes; };
      ipv6 = { addresses = addresses 128; inherit routes; };
      mtu = mkOption { type = types.nullOr types.int; default = null; description = "The largest packet."; };
      macAddress = mkOption { type = types.nullOr types.str; default = null; description = "The hardware address it pretends to have."; };
    };
  };
  gateway = mkOption {
    type = types.nullOr (types.coercedTo types.str (address: { inherit address; }) (types.submodule {
      options = {
        address = mkOption { type = types.str; description = "Its address."; };
        interface = mkOption { type = types.nullOr types.str; default = null; description = "The interface it is reached by."; };
        metric = mkOption { type = types.nullOr types.int; default = null; description = "The metric."; };
      };
    }));
    default = null;
    description = "Where everything else goes.";
  };

  dhcp = i: if i.useDHCP == null then cfg.useDHCP && i.ipv4.addresses == [ ] else i.useDHCP;
  # A gateway without an interface belongs to each interface that has a fixed address.
  gatewaysOf = i: lib.filter (g: g != null && (if g.interface == null then i.ipv4.addresses ++ i.ipv6.addresses != [ ] else g.interface == i.name)) [ cfg.defaultGateway cfg.defaultGateway6 ];
  route = r: "\n[Route]\nDestination=${r.address}/${toString r.prefixLength}\n" + lib.optionalString (r.via != null) "Gateway=${r.via}\n";

  networkFile = i: ''
    [Match]
    Name=${i.name}

    [Network]
    DHCP=${if dhcp i then "yes" else "no"}
    IPv6PrivacyExtensions=kernel
  ''
  + lib.concatMapStrings (a: "Address=${a.address}/${toString a.prefixLength}\n") (i.ipv4.addresses ++ i.ipv6.addresses)
  + lib.concatMapStrings (g: "\n[Route]\nGateway=${g.address}\n" + lib.optionalString (g.metric != null) "Metric=${toString g.metric}\n") (gatewaysOf i)
  + lib.concatMapStrings route (i.ipv4.routes ++ i.ipv6.routes)
  + lib.optionalString (i.mtu != null || i.macAddress != null) ("\n[Link]\n" + lib.optionalString (i.mtu != null) "MTUBytes=${toString i.mtu}\n" + lib.optionalString (i.macAddress != null) "MACAddress=${i.macAddress}\n");
in
{
  options.networking = {
    interfaces = mkOption { type = types.attrsOf (types.submodule interface); default = { }; description = "Network interfaces."; };
    useDHCP = mkOption { type = types.bool; default = true; description = "Whether interfaces without a fixed address are configured by DHCP."; };
    useNetworkd = mkOption { type = types.bool; default = true; description = "Accepted for nixpkgs' sake: pocket has nothing else."; };
    usePredictableInterfaceNames = mkOption { type = types.bool; default = true; description = "Whether interfaces are named after their place."; };
    enableIPv6 = mkOption { type = types.bool; default = true; description = "Whether IPv6 is used."; };
    defaultGateway = gateway;
    defaultGateway6 = gateway;
  };

  config = {
    environment.etc = lib.mkMerge [
      (lib.mapAttrs' (name: i: lib.nameValuePair "systemd/network/40-${name}.network" { text = networkFile i; }) cfg.interfaces)
      # Nobody named an interface, so this is ours: stage 2 makes it count, on machines that are pocket's own.
      (lib.mkIf cfg.useDHCP { "pocket/99-dhcp.network".text = "[Match]\nType=ether\nKind=!*\n\n[Network]\nDHCP=yes\n"; })
    ];
    boot.kernelParams = lib.mkIf (!cfg.usePredictableInterfaceNames) [ "net.ifnames=0" ];
    boot.kernel.sysctl = lib.mkIf (!cfg.enableIPv6) { "net.ipv6.conf.all.disable_ipv6" = true; "net.ipv6.conf.default.disable_ipv6" = true; };
  };
}
