//! A dump on its way to the host.

use std::io::Read as _;

use camino::Utf8Path;
use sha2::{Digest, Sha256};

use super::{Context, megabytes};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Exec};

/// So much goes in one piece: a connection that breaks loses no more, and memory holds no more.
const PIECE: u64 = 16 << 20;
const WORD: u64 = 64 << 20;

const BEGIN: &str = "umask 077; mkdir -p -- /var/lib/homestead && : >\"$1\" && df -Pk -- \"$1\" | awk 'NR == 2 { print $4 }'";
const APPEND: &str = "exec cat >>\"$1\"";
const CHECKSUM: &str = "sum=$(sha256sum <\"$1\") && printf '%s' \"${sum%% *}\"";

/// Brings a file of this machine to the host, readable by root alone. Gives its path there.
///
/// # Errors
/// The file cannot be read; the host has no room; the connection breaks. Nothing of it stays on the host.
pub async fn upload(context: &Context<'_>, file: &Utf8Path) -> Result<String> {
    let name = file.file_name().unwrap_or("dump");
    let path = format!("/var/lib/homestead/restore-{name}");
    let outcome = send(context, file, &path).await;
    if let Err(error) = outcome {
        if error.kind != Kind::Unreachable {
            remove_upload(context, &path).await?;
        }
        return Err(error);
    }
    Ok(path)
}

/// Removes what [`upload`] brought.
///
/// # Errors
/// The connection breaks.
pub async fn remove_upload(context: &Context<'_>, path: &str) -> Result<()> {
    host::run(&**context.host, "removing the dump", Exec::new("rm -f -- \"$1\"").arguments(&[path])).await.map(drop)
}

async fn send(context: &Context<'_>, file: &Utf8Path, path: &str) -> Result<()> {
    let failed =
        |error: std::io::Error| Error::new(Kind::Usage, format!("cannot read `{file}`")).caused_by(error).hint("nothing was touched");
    let mut source = fs_err::File::open(file).map_err(failed)?;
    let size = source.metadata().map_err(failed)?.len();
    let free = host::run(&**context.host, "looking at the disk", Exec::new(BEGIN).arguments(&[path])).await?;
    let free = String::from_utf8_lossy(&free).trim().parse::<u64>().unwrap_or_default().saturating_mul(1024);
    if free < size {
        return Err(Error::new(
            Kind::HostFailed,
            format!("`/var/lib` of `{}` has {} free, and the dump has {}", context.name, megabytes(free), megabytes(size)),
        )
        .hint("nothing was touched; make room, or bring the dump to the host yourself and use `homestead postgres import`"));
    }
    context.stage(format!("bringing {file} to the host: {}", megabytes(size)));
    let mut hasher = Sha256::new();
    let (mut sent, mut word) = (0_u64, WORD);
    let mut piece = Vec::new();
    loop {
        piece.clear();
        source.by_ref().take(PIECE).read_to_end(&mut piece).map_err(failed)?;
        if piece.is_empty() {
            break;
        }
        hasher.update(&piece);
        host::run(&**context.host, "writing the dump", Exec::new(APPEND).arguments(&[path]).stdin(&piece)).await?;
        sent += piece.len() as u64;
        if sent >= word {
            context.stage(format!("{} of {} are there", megabytes(sent), megabytes(size)));
            word = sent + WORD;
        }
    }
    let there = host::run(&**context.host, "checking the dump", Exec::new(CHECKSUM).arguments(&[path])).await?;
    if there != hex::encode(hasher.finalize()).into_bytes() {
        return Err(Error::new(Kind::HostFailed, format!("`{file}` did not arrive as it is")).hint("nothing was touched; try it again"));
    }
    Ok(())
}
