package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"coldsign/shared/fault"
)

const serviceSecret = "geheimgeheimgeheim"

func TestUpstream(t *testing.T) {
	const btc = "[[network]]\nchain = \"BTC\"\nnetwork = \"regtest\"\nrpc = \"http://127.0.0.1:1\"\n"
	const eth = "[[network]]\nchain = \"ETH\"\nnetwork = \"mainnet\"\nrpc = \"http://127.0.0.1:2\"\n[[network]]\nchain = \"ETH\"\nnetwork = \"local\"\nrpc = \"http://127.0.0.1:3\"\n"
	const key = "api_key_file = \"pw\"\n"
	for _, c := range []struct{ name, nets, table, code, says string }{
		{"https", btc, "url = \"https://api.tatum.io/\"\n" + key, "", ""},
		{"loopback", btc, "url = \"http://127.0.0.1:9\"\n" + key + "period = \"2s\"\n", "", ""},
		{"two of a chain", btc + eth, "url = \"https://a.example\"\n" + key, "config.upstream", "names no network"},
		{"one named", btc + eth, "url = \"https://a.example\"\nnetworks = [\"ETH local\"]\n" + key, "", ""},
		{"plain http", btc, "url = \"http://api.tatum.io\"\n" + key, "config.upstream", "https"},
		{"a key in it", btc, "url = \"https://u:geheim@a.example\"\n" + key, "config.upstream", "a user"},
		{"no key", btc, "url = \"https://a.example\"\n", "config.upstream", "api_key_file"},
		{"no file", btc, "url = \"https://a.example\"\napi_key_file = \"none\"\n", "config.password", ""},
		{"no network", "", "url = \"https://a.example\"\n" + key, "config.upstream", "no network"},
		{"another network", btc, "url = \"https://a.example\"\nnetworks = [\"SOL devnet\"]\n" + key, "config.upstream", "not configured"},
		{"every millisecond", btc, "url = \"https://a.example\"\nperiod = \"1ms\"\n" + key, "config.upstream", "period"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Load(home(t, c.nets+"[upstream]\n"+c.table, serviceSecret, 0o600), chains)
			if c.code != "" {
				if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "geheim") {
					t.Errorf("got %v (%s), want %s", err, fault.Code(err), c.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			u := got.Upstream
			if u.Key.Reveal() != serviceSecret || strings.HasSuffix(u.URL, "/") || len(u.Networks) != 1 || u.Period < time.Second {
				t.Errorf("%+v", u)
			}
			if text := fmt.Sprintf("%+v %#v", *u, *u); strings.Contains(text, "geheim") {
				t.Errorf("the key shows in %s", text)
			}
		})
	}
}

func TestFourEyes(t *testing.T) {
	const url = "url = \"https://a.example/x\"\n"
	for _, c := range []struct{ name, table, method, code string }{
		{"plain", url, "POST", ""},
		{"on this machine", "url = \"http://localhost:8080\"\n", "POST", ""},
		{"on this machine, IPv6", "url = \"http://[::1]:8080\"\n", "POST", ""},
		{"signed", url + "secret_file = \"pw\"\n", "POST", ""},
		{"signed by a key", url + "public_key = \"" + strings.Repeat("ab", 32) + "\"\n", "POST", ""},
		{"original", url + "compat = true\n", "GET", ""},
		{"original with POST", url + "compat = true\nmethod = \"POST\"\n", "POST", ""},
		{"plain http", "url = \"http://a.example\"\n", "", "config.four-eyes"},
		{"GET", url + "method = \"GET\"\n", "", "config.four-eyes"},
		{"small letters", url + "method = \"post\"\n", "", "config.four-eyes"},
		{"two secrets", url + "secret_file = \"pw\"\npublic_key = \"" + strings.Repeat("ab", 32) + "\"\n", "", "config.four-eyes"},
		{"half a key", url + "public_key = \"abab\"\n", "", "config.four-eyes"},
		{"signed original", url + "compat = true\nsecret_file = \"pw\"\n", "", "config.four-eyes"},
		{"no address", "method = \"POST\"\n", "", "config.four-eyes"},
		{"unknown key", url + "secret = \"x\"\n", "", "config.key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Load(home(t, "[four_eyes]\n"+c.table, serviceSecret, 0o600), chains)
			if c.code != "" {
				if !fault.Is(err, c.code) {
					t.Errorf("got %v (%s), want %s", err, fault.Code(err), c.code)
				}
				return
			}
			if err != nil || got.FourEyes.Method != c.method {
				t.Fatalf("%+v, %v", got.FourEyes, err)
			}
		})
	}
	if _, err := Load(home(t, "[four_eyes]\n"+url+"secret_file = \"pw\"\n", "short", 0o600), chains); !fault.Is(err, "config.four-eyes") {
		t.Errorf("a short secret: %v", err)
	}
}
