//! Ctrl-C, SIGTERM and SIGHUP as messages: each climbs one rung of the ladder.

use infra_model::CancelStage;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Listens from now on. Without a listener these signals end the program at once, which is right for commands that change nothing.
pub(crate) fn listen() -> mpsc::UnboundedReceiver<()> {
    let (send, receive) = mpsc::unbounded_channel();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        // If a signal cannot be listened to, it keeps its default meaning.
        let Ok(mut signals) = signal(kind) else {
            continue;
        };
        let send = send.clone();
        tokio::spawn(
            async move { while signals.recv().await.is_some() && send.send(()).is_ok() {} },
        );
    }
    receive
}

/// For what has nothing to drain: the first signal already ends what runs.
pub(crate) fn stage() -> watch::Receiver<CancelStage> {
    let (send, receive) = watch::channel(CancelStage::Running);
    let mut interrupts = listen();
    tokio::spawn(async move {
        while interrupts.recv().await.is_some() {
            // Nobody listens once all hosts are through.
            let _ = send.send(CancelStage::Terminating);
        }
    });
    receive
}
