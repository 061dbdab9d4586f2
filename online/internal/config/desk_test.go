package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"coldsign/shared/fault"
)

func TestDesk(t *testing.T) {
	c, err := Load(home(t, "[desk]\nurl = \"https://desk.example:8443/\"\noff = true\n", "x", 0o600), chains)
	if err != nil || c.DeskURL.String() != "https://desk.example:8443" || !c.DeskOff || c.Certificate != nil {
		t.Errorf("%+v %v", c, err)
	}
	for _, url := range []string{"desk.example", "ftp://desk.example", "https://", "https://a@desk.example", "https://desk.example/x", "https://desk.example?x", "https://desk.example#x", ":",
		"http://desk.example", "http://10.0.0.1:8190", "HTTP://desk.example", "http://localhost.example", "http://0.0.0.0:8190"} {
		if _, err := Load(home(t, "[desk]\nurl = \""+url+"\"\n", "x", 0o600), chains); !fault.Is(err, "config.desk") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"http://localhost:8190", "http://127.0.0.1:8190", "http://[::1]:8190"} {
		if c, err := Load(home(t, "[desk]\nurl = \""+url+"\"\n", "x", 0o600), chains); err != nil || c.DeskURL.String() != url {
			t.Errorf("%s: %v %v", url, c.DeskURL, err)
		}
	}
}

func TestCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	load := func(text string, mode os.FileMode) (Config, error) {
		path := home(t, text, string(secret), mode)
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "cert"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644); err != nil {
			t.Fatal(err)
		}
		return Load(path, chains)
	}
	const both = "[server]\ntls_cert = \"cert\"\ntls_key = \"pw\"\n"
	if c, err := load(both, 0o600); err != nil || c.Certificate == nil {
		t.Errorf("%v", err)
	}
	for text, mode := range map[string]os.FileMode{
		both:                              0o644,
		"[server]\ntls_cert = \"cert\"\n": 0o600,
		"[server]\ntls_key = \"pw\"\n":    0o600,
		"[server]\ntls_cert = \"pw\"\ntls_key = \"cert\"\n": 0o600,
		"[server]\ntls_cert = \"cert\"\ntls_key = \"no\"\n": 0o600,
	} {
		if _, err := load(text, mode); !fault.Is(err, "config.tls") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
