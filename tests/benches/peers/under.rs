//! The runtimes that have tasks.

use std::time::Duration;

use hydroid_async_std::{ReadHalf, WriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Outcome, net::Under};

pub(super) struct Tokio;

impl<W, R> Under<W, R> for Tokio
where
    W: AsyncWrite + Unpin + Send,
    R: AsyncRead + Unpin + Send,
{
    fn spawn<T: Send + 'static>(
        task: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> impl Future<Output = Outcome<T>> + Send + 'static {
        let task = tokio::spawn(task);
        async move { task.await? }
    }

    async fn sleep(time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn write(write: &mut W, data: &[u8]) -> Outcome<()> {
        Ok(write.write_all(data).await?)
    }

    async fn finish(write: &mut W) -> Outcome<()> {
        Ok(write.shutdown().await?)
    }

    async fn read(read: &mut R, buf: &mut [u8]) -> Outcome<usize> {
        Ok(read.read(buf).await?)
    }
}

pub(super) struct AsyncStd;

impl Under<WriteHalf, ReadHalf> for AsyncStd {
    fn spawn<T: Send + 'static>(
        task: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> impl Future<Output = Outcome<T>> + Send + 'static {
        async_std::task::spawn(task)
    }

    async fn sleep(time: Duration) {
        async_std::task::sleep(time).await;
    }

    async fn write(write: &mut WriteHalf, data: &[u8]) -> Outcome<()> {
        Ok(async_std::io::WriteExt::write_all(write, data).await?)
    }

    async fn finish(write: &mut WriteHalf) -> Outcome<()> {
        Ok(write.finish()?)
    }

    async fn read(read: &mut ReadHalf, buf: &mut [u8]) -> Outcome<usize> {
        Ok(async_std::io::ReadExt::read(read, buf).await?)
    }
}
