package config

import (
	"crypto/tls"
	"net/url"
	"path/filepath"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// desk is where the operator's desk is found, as the file has it.
type desk struct {
	URL string `toml:"url"`
	Off bool   `toml:"off"`
}

// page reads the address of the desk: what people type, without a path. Plain HTTP is
// for this machine itself.
func (d *desk) page() (*url.URL, error) {
	if d.URL == "" {
		return nil, nil
	}
	u, err := url.Parse(d.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New("config.desk", "", "url in [desk] must be like %q, not %s", "https://desk.example", quote.String(d.URL))
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fault.New("config.desk", "give the desk TLS (tls_cert and tls_key in [server], or a proxy), and an address of https", "url in [desk] is http to another machine: passwords and sessions would be open on the way")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// certificate reads the certificate and key of the listener; relative names are
// beside config.toml. Nobody else may read the key.
func certificate(dir, cert, key string) (*tls.Certificate, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, fault.New("config.tls", "give both or neither", "tls_cert and tls_key belong together")
	}
	var raw [2][]byte
	for i, name := range []string{cert, key} {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		b, mode, err := read(name, maxFile)
		if err != nil {
			return nil, fault.New("config.tls", "", "cannot read %s: %w", quote.Line(name), err)
		}
		if i == 1 && mode.Perm()&0o027 != 0 {
			return nil, fault.New("config.tls", "run: chmod 600 "+quote.Line(name), "the key %s is open to others (mode %04o)", quote.Line(name), mode.Perm())
		}
		raw[i] = b
	}
	pair, err := tls.X509KeyPair(raw[0], raw[1])
	if err != nil {
		return nil, fault.New("config.tls", "give a PEM certificate chain and its PEM key", "tls_cert and tls_key: %s", quote.Line(err.Error()))
	}
	return &pair, nil
}
