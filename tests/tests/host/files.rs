//! Capsules that ask for files, on a host that does not serve them yet.

use astrid_e2e::guests::Guest;

use crate::common::host;

#[tokio::test]
pub(crate) async fn what_needs_files_is_not_loaded() {
    let host = host().await;
    for guest in [Guest::Files, Guest::Journal] {
        let error = host.load(guest.package()).await.unwrap_err();
        assert_eq!(error.kind(), "import", "{error}");
        let said = "it imports `astrid:fs/host@1.0.0`, which this host doesn't serve";
        assert!(error.to_string().contains(said), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("the package astrid:fs"), "{hint}");
    }
    assert!(host.capsules().is_empty());
}
