/**
 * What the firmware of a simulated host has in its Secure Boot variables (own choice; P-256 certificates that are valid for a
 * century, whose private keys are gone).
 */

/** Platform key, DER. */
export const PLATFORM_KEY_CERTIFICATE = Buffer.from(
  'MIIBsTCCAVegAwIBAgIUPZZyMsDMgJxy13Vcvi65U0Ov6UUwCgYIKoZIzj0EAwIwLTEOMAwGA1UECgwFa3BzaW0xGzAZBgNV' +
    'BAMMEmtwc2ltIHBsYXRmb3JtIGtleTAgFw0yNjExMjMyMjMwNDZaGA8yMTI2MTAzMDIyMzA0NlowLTEOMAwGA1UECgwFa3Bz' +
    'aW0xGzAZBgNVBAMMEmtwc2ltIHBsYXRmb3JtIGtleTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD29uAW0ARDmQUFArMJe' +
    '+bgGI5bBRyW8i3DE2hnDZxWdDeJxOUYESMxfVpW69eX2gPxb8BOphvvOisHftbWdB7ijUzBRMB0GA1UdDgQWBBTCe/swdBRU' +
    'eRs9DZdeMFvGuO6zcTAfBgNVHSMEGDAWgBTCe/swdBRUeRs9DZdeMFvGuO6zcTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49' +
    'BAMCA0gAMEUCIQDWA2ynEytGlMSU0sxaZ89ibxn7ESy4HnUk1KB6679b1QIgJGDt3MQqfsMzndgapYCjcGL1Q0km6vuKi8Sq' +
    'Z8Uthfc=',
  'base64',
);

/** Key exchange key, DER. */
export const KEY_EXCHANGE_KEY_CERTIFICATE = Buffer.from(
  'MIIBujCCAV+gAwIBAgIUMNL3OsTEKejQSwxKuE4Vp36RYdwwCgYIKoZIzj0EAwIwMTEOMAwGA1UECgwFa3BzaW0xHzAdBgNV' +
    'BAMMFmtwc2ltIGtleSBleGNoYW5nZSBrZXkwIBcNMjYxMTIzMjIzMDQ2WhgPMjEyNjEwMzAyMjMwNDZaMDExDjAMBgNVBAoM' +
    'BWtwc2ltMR8wHQYDVQQDDBZrcHNpbSBrZXkgZXhjaGFuZ2Uga2V5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBZVmdm+E' +
    'AXJtbNWhF2RSQo5EzwKZqfTV1tbZqhfQZ9UlD8OsrUfwINP2KBh4tNlNfWluzlpVMxw4+cFn8lzvoqNTMFEwHQYDVR0OBBYE' +
    'FFSTHVldYs8rnu/jm/O+0CospKAVMB8GA1UdIwQYMBaAFFSTHVldYs8rnu/jm/O+0CospKAVMA8GA1UdEwEB/wQFMAMBAf8w' +
    'CgYIKoZIzj0EAwIDSQAwRgIhANOuT7WruwQvDP1aCHQhd1nQmpPOHxEsng8diW0BPeihAiEA+kNMlOyI7VPryQoR1RLukBL+' +
    '5d8f/WcRp2zmOYcmSj0=',
  'base64',
);

/** The authority in `db` that signed the boot loader, DER. */
export const UEFI_SIGNING_CERTIFICATE = Buffer.from(
  'MIIBuDCCAV2gAwIBAgIUBovi8lAvSpvmy54fO1W4N1zJhnMwCgYIKoZIzj0EAwIwMDEOMAwGA1UECgwFa3BzaW0xHjAcBgNV' +
    'BAMMFWtwc2ltIFVFRkkgc2lnbmluZyBDQTAgFw0yNjExMjMyMjMwNDZaGA8yMTI2MTAzMDIyMzA0NlowMDEOMAwGA1UECgwF' +
    'a3BzaW0xHjAcBgNVBAMMFWtwc2ltIFVFRkkgc2lnbmluZyBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLpdZYQVftIe' +
    'TbldvXrY5nR6uWfWpjTHsKZkOhqB7vOp9bgrwLpn9Pt+hiaDWx97RTpa1SBqUpcEcvMdekWVCSSjUzBRMB0GA1UdDgQWBBSS' +
    'tehLUteVeayxWMy8gbM6KUId4DAfBgNVHSMEGDAWgBSStehLUteVeayxWMy8gbM6KUId4DAPBgNVHRMBAf8EBTADAQH/MAoG' +
    'CCqGSM49BAMCA0kAMEYCIQCohDkqpNoxi0s1bOJehZXuCfaam5gwQ0HVk55/x3jnMgIhAIy9CNUIJogUDGpqkfThhyUwCLNI' +
    'u8reZud6AT1W3a2f',
  'base64',
);
