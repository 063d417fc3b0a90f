//! `sslmode` does what its name says.

use dump::testing::{PostgresServer, ServerOptions};
use dump::{DumpError, Dumper, Target};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use crate::harness::replica;

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_as_sslmode_demands() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let server = PostgresServer::start_with(&ServerOptions {
        tls: Some((&cert.pem(), &signing_key.serialize_pem())),
        ..ServerOptions::default()
    });
    let folder = TempDir::new().unwrap();
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, cert.pem()).unwrap();
    let other = folder.path().join("other.pem");
    let another = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&other, another.cert.pem()).unwrap();

    let url = server.url("ledger");
    let accepted = [
        format!("{url}?sslmode=require"),
        format!(
            "{url}?sslmode=verify-full&sslrootcert={}",
            trusted.display()
        ),
    ];
    for url in accepted {
        let target = Target::parse(&url).unwrap();
        let handle = Dumper::start(target, replica()).await.unwrap();
        let encrypted = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                         WHERE application_name = 'tabchain dump'";
        assert_eq!(server.psql("ledger", encrypted), "t");
        handle.stop().await;
    }
    let refused = [
        format!("{url}?sslmode=verify-full"),
        format!("{url}?sslmode=verify-full&sslrootcert={}", other.display()),
        format!("{url}?sslmode=verify-full&sslrootcert=/nowhere.pem"),
        // The certificate is for the address, not for this name.
        format!(
            "{}?sslmode=verify-full&sslrootcert={}",
            url.replace("127.0.0.1", "localhost"),
            trusted.display()
        ),
    ];
    for url in refused {
        let target = Target::parse(&url).unwrap();
        let error = Dumper::start(target, replica()).await.unwrap_err();
        assert!(matches!(error, DumpError::Tls { .. }), "{url}: {error}");
    }
}
