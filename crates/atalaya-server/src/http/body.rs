//! Reads a request body into memory, bounded in bytes and in time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout, timeout_at};

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Longer than the route allows.
    #[error("request body is larger than the limit of {0} bytes")]
    TooLarge(usize),
    /// No progress for too long.
    #[error("request body did not arrive in time")]
    TooSlow,
    /// The peer went away or broke the protocol.
    #[error("request body could not be read to its end")]
    Broken,
}

/// The whole body, or why not. Nothing past `limit` bytes is read.
pub(crate) async fn read_body<B>(body: B, limit: usize, stall: Duration, deadline: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut body = body;
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge(limit));
    }
    // Almost every request is one frame that is already here: no copy, no timer.
    let Some(first) = next(&mut body, stall).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(BodyError::TooLarge(limit));
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let until = Instant::now() + deadline;
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(limit);
    let mut whole = BytesMut::with_capacity(first.len() + expected);
    whole.extend_from_slice(&first);
    while let Some(data) = timeout_at(until, next(&mut body, stall))
        .await
        .map_err(|_| BodyError::TooSlow)??
    {
        if whole.len() + data.len() > limit {
            return Err(BodyError::TooLarge(limit));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

async fn next<B>(body: &mut B, stall: Duration) -> Result<Option<Bytes>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        let mut frame = body.frame();
        let frame = match second_look(&mut frame).await {
            Some(frame) => Ok(frame),
            None => timeout(stall, frame).await,
        };
        match frame {
            Err(_) => return Err(BodyError::TooSlow),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(BodyError::Broken),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The output of `future` when it is ready at once or at the next poll. hyper reads a body only after it has been asked
/// for, so the first look finds nothing; a timer for the moment until the second would cost more than the body.
async fn second_look<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut looked = false;
    poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if looked => Poll::Ready(None),
        Poll::Pending => {
            looked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_body_of_the_limit_is_read_and_one_byte_more_is_refused() {
        let exact = read_body(Full::new(Bytes::from_static(b"1234")), 4, SECOND, SECOND).await;
        assert_eq!(exact.as_deref(), Ok(&b"1234"[..]));
        let over = read_body(Full::new(Bytes::from_static(b"12345")), 4, SECOND, SECOND).await;
        assert_eq!(over, Err(BodyError::TooLarge(4)));
    }

    #[tokio::test]
    async fn frames_are_joined_and_bounded_without_a_declared_length() {
        let frames = |n: usize| {
            let parts = (0..n).map(|_| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"ab"))));
            StreamBody::new(futures::stream::iter(parts.collect::<Vec<_>>()))
        };
        assert_eq!(
            read_body(frames(3), 6, SECOND, SECOND).await.as_deref(),
            Ok(&b"ababab"[..])
        );
        assert_eq!(
            read_body(frames(4), 6, SECOND, SECOND).await,
            Err(BodyError::TooLarge(6))
        );
    }

    #[tokio::test]
    async fn a_body_that_stops_half_way_is_given_up() {
        let stuck = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
        assert_eq!(
            read_body(stuck, 6, Duration::from_millis(1), SECOND).await,
            Err(BodyError::TooSlow)
        );
    }
}
