//! quick
use infra_testkit::*;
use std::time::{Duration, Instant};
#[test]
fn quick() {
    for kind in [HostKind::Plain(Store::Dir), HostKind::Systemd] {
        for n in [1, 2, 8] {
            let t = Instant::now();
            let mut b = Lab::builder();
            for i in 0..n {
                b = b.host(&format!("h{i}"), kind);
            }
            let lab = match b.up() {
                Ok(l) => l,
                Err(e) => panic!("{e}"),
            };
            let up = t.elapsed();
            let out = lab
                .ssh("h0")
                .arg("hostname; nix --version; id -u")
                .run(Duration::from_secs(20))
                .unwrap();
            println!("{out:?}");
            let t = Instant::now();
            lab.down().unwrap();
            println!("{kind:?} {n}: up {up:?} down {:?}", t.elapsed());
        }
    }
}
