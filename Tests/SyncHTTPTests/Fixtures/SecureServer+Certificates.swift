/// More certificates for the key of ``SecureServer``. No system trusts them, and the key is public.
extension SecureServer {
    /// For `localhost` and `127.0.0.1`, signed by itself, valid in 2020.
    static let expired = """
        -----BEGIN CERTIFICATE-----
        MIIBYzCCAQmgAwIBAgIBAjAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhsb29wYmFj
        azAeFw0yMDAxMDEwMDAwMDBaFw0yMTAxMDEwMDAwMDBaMBMxETAPBgNVBAMMCGxv
        b3BiYWNrMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEdE24hGPMAMbHwLqLuxhx
        1dgIOBwaqK6gmNIx+Af4ImNH6ss/gVa4K3szoUI3dErXBznhCOud5uTlXejupy7i
        gKNOMEwwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8A
        AAEwHQYDVR0OBBYEFNifSeiwudpmGOlWS/wuO+ReQgsYMAoGCCqGSM49BAMCA0gA
        MEUCIQCLV7KjiA8I++LWHB0yG9DqfRBrj6QRRRj6icb0nUU7uQIgIFFqOD2tvqRk
        Q2DN1fLAfzu0kxtkfaDFzwvP0hi3DKc=
        -----END CERTIFICATE-----
        """
    /// The same, valid from 2100 to 2120.
    static let ofTheFuture = """
        -----BEGIN CERTIFICATE-----
        MIIBZzCCAQ2gAwIBAgIBAzAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhsb29wYmFj
        azAiGA8yMTAwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjATMREwDwYDVQQD
        DAhsb29wYmFjazBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHRNuIRjzADGx8C6
        i7sYcdXYCDgcGqiuoJjSMfgH+CJjR+rLP4FWuCt7M6FCN3RK1wc54Qjrnebk5V3o
        7qcu4oCjTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0
        hwR/AAABMB0GA1UdDgQWBBTYn0nosLnaZhjpVkv8LjvkXkILGDAKBggqhkjOPQQD
        AgNIADBFAiAadtk/VRKY0UtO6tzvBxPtFvx1VjUrAqu+qFkSOjkYFAIhAO830Rt/
        yzL4sAuMhUL2Sc1T7mEFsV3PXW+XrVNmj9Ry
        -----END CERTIFICATE-----
        """
    /// For `desk.example.com`, `help.example.com` and `192.0.2.1`, signed by itself, valid until 2120.
    static let forOtherNames = """
        -----BEGIN CERTIFICATE-----
        MIIBfzCCASSgAwIBAgIBBDAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhsb29wYmFj
        azAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowEzERMA8GA1UEAwwI
        bG9vcGJhY2swWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR0TbiEY8wAxsfAuou7
        GHHV2Ag4HBqorqCY0jH4B/giY0fqyz+BVrgrezOhQjd0StcHOeEI653m5OVd6O6n
        LuKAo2cwZTAPBgNVHRMBAf8EBTADAQH/MDMGA1UdEQQsMCqCEGRlc2suZXhhbXBs
        ZS5jb22CEGhlbHAuZXhhbXBsZS5jb22HBMAAAgEwHQYDVR0OBBYEFNifSeiwudpm
        GOlWS/wuO+ReQgsYMAoGCCqGSM49BAMCA0kAMEYCIQCxxcDagx7+Kgmizr+fTY34
        kbhxizn21mxFJ15h1aAK3AIhAKbHTsJp5ItV/Hiu8/h+q2vm15TjsblIotV9IVLF
        dpZm
        -----END CERTIFICATE-----
        """
    /// For `localhost` and `127.0.0.1`, issued by "Example Authority", valid until 2120.
    static let issued = """
        -----BEGIN CERTIFICATE-----
        MIIBnjCCAUSgAwIBAgIBBTAKBggqhkjOPQQDAjAuMRowGAYDVQQDDBFFeGFtcGxl
        IEF1dGhvcml0eTEQMA4GA1UECgwHRXhhbXBsZTAgFw0yMDAxMDEwMDAwMDBaGA8y
        MTIwMDEwMTAwMDAwMFowEzERMA8GA1UEAwwIbG9vcGJhY2swWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAAR0TbiEY8wAxsfAuou7GHHV2Ag4HBqorqCY0jH4B/giY0fq
        yz+BVrgrezOhQjd0StcHOeEI653m5OVd6O6nLuKAo2wwajAMBgNVHRMBAf8EAjAA
        MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAdBgNVHQ4EFgQU2J9J6LC52mYY
        6VZL/C475F5CCxgwHwYDVR0jBBgwFoAUOTiHjyEs9yH53Z8OPXbapfFFU80wCgYI
        KoZIzj0EAwIDSAAwRQIhANx7tpMNtKkb1nOVRo3PvWTqCTPCqBudsBkoGwwL4lw0
        AiBmVDVcFQNiE0quamsYV4jmGDjmBbUuCkMwUQI5Rv5f8w==
        -----END CERTIFICATE-----
        """
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIBATAKBggqhkjOPQQDAjAuMRowGAYDVQQDDBFFeGFtcGxl
        IEF1dGhvcml0eTEQMA4GA1UECgwHRXhhbXBsZTAgFw0yMDAxMDEwMDAwMDBaGA8y
        MTIwMDEwMTAwMDAwMFowLjEaMBgGA1UEAwwRRXhhbXBsZSBBdXRob3JpdHkxEDAO
        BgNVBAoMB0V4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARyMJ3myB05
        ZoVSxXAzy7P8jW6ZNwcy75Q78fqcTMmI0QoOnougBnM07LoGUD6FbuZCPnj7fSkW
        DG76q8hgwviro04wTDAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2Fs
        aG9zdIcEfwAAATAdBgNVHQ4EFgQUOTiHjyEs9yH53Z8OPXbapfFFU80wCgYIKoZI
        zj0EAwIDSAAwRQIgZ+cH5l/SzdIphfiBl0LW7ensF2CymIJ0cQ2DMtZ/Jw4CIQDC
        gCWT8VF2YwGXEzzg+zuN8+JM16hAey+z2tTidmalKQ==
        -----END CERTIFICATE-----
        """
}
