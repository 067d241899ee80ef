//! The files of model versions: artifact proxy, listings, signed URLs.

use std::sync::Arc;

use atalaya_server::{Clock, HeldClock};
use atalaya_testkit::{fixture, read, read_folder};
use serde_json::{Value, json};

use crate::world::{MODEL, World, answer, header, refusal, status};

const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";
const VERSIONS: &str = "/api/2.0/mlflow/model-versions";

fn names(listing: &Value) -> Vec<&str> {
    listing["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_plain_http_client_walks_from_the_uri_to_every_byte() {
    let world = World::with_model().await;
    let uri = world
        .got(&format!("{VERSIONS}/get-download-uri?name={MODEL}&version=1"))
        .await;
    assert_eq!(
        uri,
        json!({"artifact_uri": format!("mlflow-artifacts:/registered-models/{MODEL}/1")})
    );
    let root = format!("registered-models/{MODEL}/1");
    let listing = world.got(&format!("{PROXY}?path={root}")).await;
    let files = read_folder(&fixture("diabetes/version_1"));
    assert_eq!(names(&listing), files.keys().map(String::as_str).collect::<Vec<_>>());
    for (path, bytes) in &files {
        let reply = world
            .request("GET", &format!("{PROXY}/{root}/{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200, "{path}");
        assert_eq!(header(&reply, "x-content-type-options"), "nosniff");
        assert!(header(&reply, "content-disposition").starts_with("attachment"));
        assert_eq!(reply.content_length(), Some(bytes.len() as u64));
        assert_eq!(&reply.bytes().await.unwrap()[..], &bytes[..], "{path}");
    }
    // A file has nothing in it, and neither has what is not there.
    assert_eq!(world.got(&format!("{PROXY}?path={root}/MLmodel")).await, json!({}));
    assert_eq!(
        world.got(&format!("{PROXY}?path=registered-models/none/1")).await,
        json!({})
    );
    assert_eq!(world.got(PROXY).await, json!({}));
    let missing = world.get(&format!("{PROXY}/{root}/nothing.bin")).await;
    assert_eq!((missing.0, refusal(&missing).1), (404, "RESOURCE_DOES_NOT_EXIST"));
    let info = world.got("/api/3.0/mlflow/server-info").await;
    assert_eq!(info["multipart_downloads_enabled"], false);
}

#[tokio::test]
async fn a_model_whose_name_needs_escaping_is_reached_by_its_digest() {
    let world = World::empty().await;
    world.register("two words, 100%", "diabetes/version_1").await;
    let uri = world
        .got(&format!("{VERSIONS}/get-download-uri?name=two+words,+100%25&version=1"))
        .await;
    let root = uri["artifact_uri"]
        .as_str()
        .unwrap()
        .strip_prefix("mlflow-artifacts:/")
        .unwrap();
    assert!(root.starts_with("model-digests/"), "{root}");
    assert!(names(&world.got(&format!("{PROXY}?path={root}")).await).contains(&"MLmodel"));
    let reply = world
        .request("GET", &format!("{PROXY}/{root}/MLmodel"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        &reply.bytes().await.unwrap()[..],
        &read("diabetes/version_1/MLmodel")[..]
    );
}

#[tokio::test]
async fn folders_are_listed_one_level_at_a_time() {
    let world = World::empty().await;
    let mut files = read_folder(&fixture("diabetes/version_1"));
    files.insert("extra/notes/read me.txt".to_owned(), b"hello".to_vec());
    world.register_files("deep", files).await;
    let list = |path: &'static str| {
        let world = &world;
        async move {
            world
                .got(&format!("{VERSIONS}/list-artifacts?name=deep&version=1&path={path}"))
                .await
        }
    };
    assert!(
        list("").await["files"]
            .as_array()
            .unwrap()
            .contains(&json!({"path": "extra", "is_dir": true}))
    );
    assert_eq!(
        list("extra").await,
        json!({"files": [{"path": "extra/notes", "is_dir": true}]})
    );
    let file = json!({"files": [{"path": "extra/notes/read me.txt", "is_dir": false, "file_size": 5}]});
    assert_eq!(list("extra/notes").await, file);
    // A path that names a file lists that file.
    assert_eq!(list("extra/notes/read%20me.txt").await, file);
    assert_eq!(list("nothing").await, json!({"files": []}));
    let bare = world
        .got(&format!("{PROXY}?path=registered-models/deep/1/extra/notes"))
        .await;
    assert_eq!(
        bare,
        json!({"files": [{"path": "read me.txt", "is_dir": false, "file_size": 5}]})
    );

    let signed = format!("{VERSIONS}/get-signed-download-uri?name=deep&version=1&path=extra/notes/read+me.txt");
    let uri = world.got(&signed).await["signed_uri"].as_str().unwrap().to_owned();
    let path = uri.strip_prefix(&world.url("")).unwrap();
    assert_eq!(
        world.anonymous("GET", path).send().await.unwrap().text().await.unwrap(),
        "hello"
    );
}

#[tokio::test]
async fn a_signed_url_is_its_own_credential_and_good_for_one_file() {
    let world = World::with_model().await;
    let signed = world
        .got(&format!(
            "{VERSIONS}/get-signed-download-uri?name={MODEL}&version=1&path=MLmodel"
        ))
        .await;
    assert_eq!(signed["headers"], json!([]));
    let uri = signed["signed_uri"].as_str().unwrap();
    let path = uri.strip_prefix(&world.url("")).unwrap().to_owned();
    let whole = read("diabetes/version_1/MLmodel");

    let reply = world.anonymous("GET", &path).send().await.unwrap();
    assert_eq!(
        (reply.status().as_u16(), reply.content_length()),
        (200, Some(whole.len() as u64))
    );
    assert_eq!(&reply.bytes().await.unwrap()[..], &whole[..]);

    let part = world
        .anonymous("GET", &path)
        .header("range", "bytes=10-19")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(header(&part, "content-range"), format!("bytes 10-19/{}", whole.len()));
    assert_eq!(&part.bytes().await.unwrap()[..], &whole[10..20]);
    let beyond = world
        .anonymous("GET", &path)
        .header("range", "bytes=9999999-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.status(), 416);

    let parts: Vec<&str> = path.split('/').collect();
    let (expires, signature, digest) = (parts[3], parts[4], parts[5]);
    let later = expires.parse::<i64>().unwrap() + 1;
    for forged in [
        format!("/artifacts/signed/{expires}/{signature}/{digest}/model.skops"),
        format!("/artifacts/signed/{later}/{signature}/{digest}/MLmodel"),
        format!("/artifacts/signed/{expires}/{}/{digest}/MLmodel", "A".repeat(43)),
        format!("/artifacts/signed/x/{signature}/{digest}/MLmodel"),
    ] {
        assert_eq!(status(world.anonymous("GET", &forged)).await, 401, "{forged}");
        // A token is no way in either: the URL has to be right.
        assert_eq!(status(world.request("GET", &forged)).await, 401, "{forged}");
    }
    let nothing = world
        .get(&format!(
            "{VERSIONS}/get-signed-download-uri?name={MODEL}&version=1&path=nothing"
        ))
        .await;
    assert_eq!(nothing.0, 404);
}

#[tokio::test]
async fn a_signed_url_ends_after_an_hour() {
    let clock = Arc::new(HeldClock::at_us(1_700_000_000_000_000));
    let world = World::unusual(|_| {}, Arc::<HeldClock>::clone(&clock) as Arc<dyn Clock>).await;
    world.register(MODEL, "diabetes/version_1").await;
    let query = format!("{VERSIONS}/get-signed-download-uri?name={MODEL}&version=1&path=MLmodel");
    let signed = world.got(&query).await["signed_uri"].as_str().unwrap().to_owned();
    let path = signed.strip_prefix(&world.url("")).unwrap();
    clock.advance_us(3_600_000_000);
    assert_eq!(status(world.anonymous("GET", path)).await, 200);
    clock.advance_us(1_000);
    let late = answer(world.anonymous("GET", path)).await;
    // The client asks for a new one on exactly this status.
    assert_eq!((late.0, refusal(&late).1), (403, "PERMISSION_DENIED"));
}

#[tokio::test]
async fn no_path_leaves_its_model() {
    let world = World::with_model().await;
    std::fs::write(world.home().join("canary"), b"canary").unwrap();
    let escapes = [
        "../canary",
        "%2e%2e/canary",
        "..%2fcanary",
        "..%5ccanary",
        "%252e%252e%252fcanary",
        "/etc/passwd",
        "a/../../canary",
        "....//canary",
        "C:%5ccanary",
        "a%00b",
        "./canary",
        "a//b",
    ];
    let root = format!("registered-models/{MODEL}/1");
    for escape in escapes {
        let paths = [
            format!("{VERSIONS}/list-artifacts?name={MODEL}&version=1&path={escape}"),
            format!("{VERSIONS}/get-signed-download-uri?name={MODEL}&version=1&path={escape}"),
            format!("{PROXY}?path={root}/{escape}"),
            format!("{PROXY}/{root}/{escape}"),
        ];
        for path in paths {
            let reply = world.request("GET", &path).send().await.unwrap();
            let status = reply.status().as_u16();
            let text = reply.text().await.unwrap();
            assert!(!text.contains("canary") && !text.contains("root:"), "{path}: {text}");
            let empty_listing = status == 200 && (text == "{}" || text == r#"{"files":[]}"#);
            assert!(empty_listing || matches!(status, 400 | 404), "{path}: {status} {text}");
        }
    }
}
