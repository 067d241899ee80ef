//! Opening: a new file, the same file twice, a later program's file, and no file at all.

use std::os::unix::fs::PermissionsExt as _;

use atalaya_store::{Store, StoreError};

use crate::home::{Home, at, version};

#[tokio::test]
async fn a_new_database_is_private_and_answers() {
    let home = Home::new().await;
    home.store.ping().await.unwrap();
    home.model("m").await;
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut file = home.database().into_os_string();
        file.push(suffix);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
    home.store.close().await;
    assert!(home.store.ping().await.is_err());
}

#[tokio::test]
async fn two_handles_on_one_file_see_each_other_and_wait_for_each_other() {
    let home = Home::new().await;
    let name = home.model("m").await;
    let second = Store::open(&home.database()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..40 {
        let store = if i % 2 == 0 { home.store.clone() } else { second.clone() };
        let name = name.clone();
        tasks.spawn(async move {
            store
                .create_model_version(&version(&name), at(i))
                .await
                .unwrap()
                .version
        });
    }
    let mut numbers = tasks.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<u32>>());
    // These read before they write: the moment when another process may have written in between.
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..40 {
        let store = if i % 2 == 0 { home.store.clone() } else { second.clone() };
        let name = name.clone();
        tasks.spawn(async move {
            store
                .set_model_version_tag(&name, 40, (&format!("k{i}"), "v"), at(i))
                .await
                .unwrap()
        });
    }
    tasks.join_all().await;
    assert_eq!(home.store.model_version(&name, 40).await.unwrap().tags.len(), 40);
    assert_eq!(
        second.model_version(&name, 40).await.unwrap(),
        home.store.model_version(&name, 40).await.unwrap()
    );
}

#[tokio::test]
async fn many_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let path = folder.path().join("atalaya.db");
        tasks.spawn(async move { Store::open(&path).await.map(drop) });
    }
    for opened in tasks.join_all().await {
        opened.unwrap();
    }
}

#[tokio::test]
async fn a_write_given_up_half_way_leaves_nothing_and_blocks_nobody() {
    let home = Home::new().await;
    let name = home.model("m").await;
    for _ in 0..20 {
        // Dropped at its first pause, as when a client hangs up.
        let new = version(&name);
        let mut write = Box::pin(home.store.create_model_version(&new, at(1)));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx).is_pending())).await;
        assert!(polled, "a write waits for the database");
    }
    assert_eq!(home.pending(&name).await.version, 1);
}

#[tokio::test]
async fn a_file_of_a_later_program_is_refused_with_a_way_out() {
    let home = Home::new().await;
    home.store.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.database());
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9, 'later', 1, x'00', 0)")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let refused = Store::open(&home.database()).await.unwrap_err();
    assert!(matches!(refused, StoreError::NewerDatabase { found: 9, known: 1 }));
    assert!(refused.to_string().contains("newer program"), "{refused}");
}

#[tokio::test]
async fn what_is_no_database_is_an_error_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("atalaya.db");
    let text = b"this is a diary, not a database ".repeat(200);
    std::fs::write(&file, &text).unwrap();
    assert!(matches!(Store::open(&file).await, Err(StoreError::Database(_))));
    assert_eq!(std::fs::read(&file).unwrap(), text);
    let nowhere = folder.path().join("absent/atalaya.db");
    assert!(matches!(Store::open(&nowhere).await, Err(StoreError::File(_))));
}
