//! The client of the crate kmip-protocol against a key server. Prints one line `name value` a fact.
//! Arguments: host, port, client certificate, its key, CA certificate (paths of PEM files).

use std::{env, error::Error, fs, time::Duration};

use kmip_protocol::client::{tls::rustls::connect, ClientCertificate, ConnectionSettings};

const MESSAGE: &[u8] = b"signed by a client of another maker";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, port, certificate, key, authority] = arguments.as_slice() else {
        return Err("arguments: host port certificate key ca".into());
    };
    let client = connect(&ConnectionSettings {
        host: host.clone(),
        port: port.parse()?,
        username: None,
        password: None,
        insecure: false,
        client_cert: Some(ClientCertificate::SeparatePem {
            cert_bytes: fs::read(certificate)?,
            key_bytes: Some(fs::read(key)?),
        }),
        server_cert: None,
        ca_cert: Some(fs::read(authority)?),
        connect_timeout: Some(Duration::from_secs(20)),
        read_timeout: Some(Duration::from_secs(20)),
        write_timeout: Some(Duration::from_secs(20)),
        max_response_bytes: Some(64 * 1024),
    })?;

    let server = client.query()?;
    println!("vendor {}", server.vendor_identification.unwrap_or_default());
    println!("operations {}", server.operations.unwrap_or_default().len());

    let (private_key, public_key) =
        client.create_rsa_key_pair(2048, "rust private".into(), "rust public".into())?;
    client.activate_key(&private_key)?;
    client.activate_key(&public_key)?;
    println!("message {}", hex(MESSAGE));
    println!("signature {}", hex(&client.sign(&private_key, MESSAGE)?.signature_data));
    println!("public {public_key}");
    println!("private {private_key}");
    println!("object {:?}", client.get_key(&public_key)?.object_type);
    client.rename_key(&public_key, "renamed by rust".into())?;

    println!("random {}", client.rng_retrieve(32)?.data.len());

    client.revoke_key(&private_key)?;
    client.destroy_key(&private_key)?;
    match client.get_key(&private_key) {
        Ok(_) => println!("destroyed still there"),
        Err(error) => println!("destroyed {error:?}"),
    }
    Ok(())
}
