//! What goes on beside serving, and how it ends.

use futures::future::BoxFuture;
use tokio::task::JoinSet;

/// Tasks that run until the process ends: first what acts on the cluster, and last what answers are
/// made from.
#[derive(Default)]
pub struct Background {
    /// What answers are made from: watches, the certificate.
    sources: JoinSet<()>,
    /// What acts on the cluster.
    controllers: JoinSet<()>,
    /// What is left to do once they act no more.
    handover: Vec<BoxFuture<'static, ()>>,
}

impl Background {
    /// Runs `task` until the last request is answered.
    pub fn source(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.sources.spawn(task);
    }

    /// Runs `task` until the process is told to end.
    pub fn controller(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.controllers.spawn(task);
    }

    /// Does this, after what was said before, when the process is told to end and its controllers
    /// have ended.
    pub fn on_handover(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.handover.push(Box::pin(task));
    }

    /// Ends what acts on the cluster, and hands over. To be called while requests are still
    /// answered.
    pub async fn hand_over(&mut self) {
        self.controllers.shutdown().await;
        for task in self.handover.drain(..) {
            task.await;
        }
    }

    /// Ends the rest.
    pub async fn end(mut self) {
        self.controllers.shutdown().await;
        self.sources.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Says so when it is dropped.
    struct Ends(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl Drop for Ends {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[tokio::test]
    async fn controllers_end_before_the_handover_and_sources_after_it() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let task = |name| {
            let ends = Ends(name, Arc::clone(&said));
            async move {
                let _ends = ends;
                std::future::pending::<()>().await;
            }
        };
        let mut background = Background::default();
        background.source(task("source"));
        background.controller(task("controller"));
        for name in ["first", "second"] {
            let said = Arc::clone(&said);
            background.on_handover(async move { said.lock().unwrap().push(name) });
        }
        background.hand_over().await;
        background.end().await;
        assert_eq!(*said.lock().unwrap(), ["controller", "first", "second", "source"]);
    }
}
