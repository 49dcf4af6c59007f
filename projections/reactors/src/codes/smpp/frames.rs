//! The PDUs on a connection. One that cannot be read is a frame all the same: it must not end a session, in which others wait
//! for their answers, and the center would bring it again in the next one.

use std::io;

use rusmpp::tokio_codec::CommandCodec;
use rusmpp::{Command, CommandId};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

/// Octets of the length, the id, the status and the sequence number.
const HEADER: usize = 16;
/// Most octets of a PDU.
const LENGTH_MAX: usize = 64 * 1024;

/// Reads and writes.
#[derive(Debug, Default)]
pub(super) struct Frames;

/// What stands between two lengths.
#[derive(Debug)]
pub(super) enum Frame {
    Command(Box<Command>),
    Unreadable { id: CommandId, sequence: u32 },
}

impl Decoder for Frames {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, io::Error> {
        let Some(header) = source.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [length, id, _, sequence] = numbers(header);
        let length = length as usize;
        if !(HEADER..=LENGTH_MAX).contains(&length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if source.len() < length {
            source.reserve(length - source.len());
            return Ok(None);
        }
        let mut frame = source.split_to(length);
        let read = CommandCodec::new()
            .with_max_length(LENGTH_MAX)
            .decode(&mut frame);
        Ok(Some(match read {
            Ok(Some(command)) => Frame::Command(Box::new(command)),
            Ok(None) | Err(_) => Frame::Unreadable {
                id: CommandId::from(id),
                sequence,
            },
        }))
    }
}

impl Encoder<Command> for Frames {
    type Error = io::Error;

    fn encode(&mut self, command: Command, target: &mut BytesMut) -> Result<(), io::Error> {
        let written = CommandCodec::new().encode(command, target);
        written.map_err(io::Error::other)
    }
}

fn numbers(header: &[u8; HEADER]) -> [u32; 4] {
    let (mut numbers, (octets, _)) = ([0; 4], header.as_chunks::<4>());
    for (number, octets) in numbers.iter_mut().zip(octets) {
        *number = u32::from_be_bytes(*octets);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use rusmpp::{CommandStatus, Pdu};

    use super::*;

    #[test]
    fn what_cannot_be_read_leaves_what_follows_readable() -> io::Result<()> {
        let mut octets = BytesMut::new();
        // A deliver_sm without any of its fields, sequence number 7.
        octets.extend_from_slice(&[0, 0, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2]);
        let ask = Command::new(CommandStatus::EsmeRok, 8, Pdu::EnquireLink);
        Frames.encode(ask, &mut octets)?;
        let mut came = octets.split_to(17);
        assert!(Frames.decode(&mut came)?.is_none(), "an octet is missing");
        came.unsplit(octets);
        let first = Frames.decode(&mut came)?;
        assert!(matches!(
            first,
            Some(Frame::Unreadable {
                id: CommandId::DeliverSm,
                sequence: 7
            })
        ));
        let Some(Frame::Command(second)) = Frames.decode(&mut came)? else {
            panic!("it can be read")
        };
        assert_eq!(
            (second.id(), second.sequence_number()),
            (CommandId::EnquireLink, 8)
        );
        assert!(Frames.decode(&mut came)?.is_none());
        let mut wrong = BytesMut::from(&[0xff_u8; 16][..]);
        assert!(Frames.decode(&mut wrong).is_err());
        Ok(())
    }
}
