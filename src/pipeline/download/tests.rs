use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A web server for one test; each answer is given once, in order.
struct Server {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn new(answers: Vec<(u16, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        std::thread::spawn(move || {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&body).unwrap();
            }
        });
        Self { address, asked }
    }
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        // Written as it stands: the checks of a path are what is tested.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        archive.append(&header, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn download(url: &str, part: Option<&str>) -> Download {
    Download {
        url: url.to_owned(),
        part: part.map(str::to_owned),
        sha256: None,
        path: "/matrix/synapse/ext/module".to_owned(),
        mode: "0440".to_owned(),
        owner: "matrix".to_owned(),
        group: "matrix".to_owned(),
        restarts: vec!["matrix-synapse.service".to_owned()],
        role: "matrix-synapse".to_owned(),
    }
}

fn desired(downloads: Vec<Download>) -> Desired {
    Desired { downloads, ..Desired::default() }
}

fn impatient(folder: Option<&tempfile::TempDir>) -> Downloads {
    let folder = folder.map(|folder| Utf8PathBuf::from_path_buf(folder.path().join("kept")).unwrap());
    Downloads { folder, pause: Duration::ZERO }
}

#[tokio::test]
async fn a_file_is_fetched_once_and_kept() {
    let server = Server::new(vec![(503, Vec::new()), (200, b"print(1)\n".to_vec())]);
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = desired(vec![download(&format!("{}/module.py", server.address), None)]);
    impatient(Some(&folder)).fetch(&mut wanted).await.unwrap();
    let [file] = &wanted.files[..] else { panic!("{wanted:?}") };
    assert_eq!(
        (file.path.as_str(), file.contents.reveal().as_str(), file.mode.as_str()),
        ("/matrix/synapse/ext/module", "print(1)\n", "0440")
    );
    assert_eq!(file.restarts, ["matrix-synapse.service"]);
    assert_eq!((wanted.downloads.len(), server.asked.load(Ordering::SeqCst)), (0, 2));

    let mut again = desired(vec![download(&format!("{}/module.py", server.address), None)]);
    impatient(Some(&folder)).fetch(&mut again).await.unwrap();
    assert_eq!(again.files[0].contents.reveal(), "print(1)\n");
    assert_eq!(server.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_part_of_an_archive_becomes_its_files_and_nothing_else() {
    let body = archive(&[
        ("repo-1/README.md", "no"),
        ("repo-1/package/__init__.py", "a"),
        ("repo-1/package/sub/b.py", "b"),
        ("repo-1/package-other/c.py", "no"),
        ("repo-1/package/../../../../etc/d", "no"),
    ]);
    let server = Server::new(vec![(200, body)]);
    let mut wanted = desired(vec![download(&format!("{}/archive/1.tar.gz", server.address), Some("package"))]);
    impatient(None).fetch(&mut wanted).await.unwrap();
    let files: Vec<_> = wanted.files.iter().map(|file| (file.path.as_str(), file.contents.reveal().as_str())).collect();
    assert_eq!(files, [("/matrix/synapse/ext/module/__init__.py", "a"), ("/matrix/synapse/ext/module/sub/b.py", "b")]);
    let folders: Vec<_> = wanted.directories.iter().map(|folder| folder.path.as_str()).collect();
    assert_eq!(folders, ["/matrix/synapse/ext/module", "/matrix/synapse/ext/module/sub"]);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_not_kept() {
    let server = Server::new(vec![
        (404, Vec::new()),
        (200, b"other".to_vec()),
        (200, archive(&[("repo-1/x.py", "x")])),
        (200, b"no archive".to_vec()),
        (200, vec![0xff, 0xfe]),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("{}/{name}", server.address);
    let wrong = Download { sha256: Some("00".repeat(32)), ..download(&url("b"), None) };
    let cases = [
        (download(&url("a"), None), "status 404"),
        (wrong, "has the checksum"),
        (download(&url("c"), Some("package")), "holds no `package`"),
        (download(&url("d"), Some("package")), "is no readable archive"),
        (download(&url("e"), None), "is no text"),
        (download("http://127.0.0.1:1/f", None), "cannot download `http://127.0.0.1:1/f`"),
    ];
    for (download, expected) in cases {
        let error = impatient(Some(&folder)).fetch(&mut desired(vec![download])).await.unwrap_err();
        assert!(error.message.contains(expected), "{expected}: {error:?}");
    }
    let kept = std::fs::read_dir(folder.path().join("kept")).unwrap().count();
    assert_eq!(kept, 3, "an answer with a status or checksum that is wrong is not kept");
}
