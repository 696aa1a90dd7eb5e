# infra.recipes: how a need is made if nobody gives it.
{ lib, words, ... }:
let
  inherit (lib) mkOption;
  t = lib.types;

  names =
    description:
    mkOption {
      type = t.listOf t.str;
      default = [ ];
      inherit description;
    };

  secret = mkOption {
    type = t.bool;
    default = true;
    description = "Whether nobody may see it.";
  };
in
words.named {
  description = "Ways to make needs, by name. A need names one as its `recipe`.";
  example = {
    signing-key = {
      script = "openssl genpkey -algorithm ed25519 -out $out/signing-key";
      packages = [ "openssl" ];
      outputs.signing-key.format = "pem";
    };
  };
  options = _: _: {
    needs = names "Needs it is made from; their values are files in `$in`.";
    prompts = words.named {
      description = "What a person is asked, by name; the answers are files in `$prompts`.";
      example = {
        pin.description = "The PIN of the token";
      };
      options = _: _: {
        inherit (words) description;
        inherit secret;
      };
    };
    outputs = words.named {
      description = "What it makes, by name: files it leaves in `$out`. A need takes the output of its own name, or the only one.";
      example = {
        signing-key.format = "pem";
      };
      options = _: _: {
        inherit (words) format;
        inherit secret;
      };
    };
    packages = names "Packages of nixpkgs whose programs the script calls.";
    script = words.orNull t.str {
      example = "openssl rand -hex 32 > $out/token";
      description = "A shell script that makes the outputs, without a network.";
    };
    builtin = words.orNull (t.enum words.builtinRecipes) {
      example = "x509-cert";
      description = "The built-in recipe that makes it, instead of a script.";
    };
    options = mkOption {
      type = t.attrsOf t.anything;
      default = { };
      example = {
        length = 32;
      };
      description = "What to tell the built-in recipe.";
    };
    seed = words.orNull t.str {
      example = "2";
      description = "Any text. Another one makes the outputs anew.";
    };
    regenerateOn = names "Needs whose change makes the outputs anew.";
    expires = words.orNull words.durationType {
      example = "365d";
      description = "How long the outputs are good for.";
    };
  };
}
