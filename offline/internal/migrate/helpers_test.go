package migrate

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden reads a file that another tool made: testdata/migrate/SOURCE.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../testdata/migrate", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func passphrase(t testing.TB) []byte { return bytes.TrimSpace(golden(t, "passphrase")) }

// plain is an Entry that outlives what it was read from.
type plain struct {
	id, chain, words, key, xpub, address string
	testnet, odd                         bool
}

// read collects what a reader gives.
func read(f func(give func(Entry) error) error) (all []plain, err error) {
	err = f(func(e Entry) error {
		all = append(all, plain{string(e.ID), e.Chain, string(e.Words), string(e.Key), e.XPub, e.Address, e.Testnet, e.Err != nil})
		return nil
	})
	return all, err
}

func tatum(file, pass []byte) ([]plain, error) {
	return read(func(give func(Entry) error) error { return Tatum(bytes.Clone(file), pass, give) })
}

// wanted reads the JSON that a wallet.dat was made of, by encoding/json.
func wanted(t *testing.T, name string) map[string]plain {
	t.Helper()
	var from map[string]map[string]any
	if err := json.Unmarshal(golden(t, name), &from); err != nil {
		t.Fatal(err)
	}
	want := map[string]plain{}
	for id, m := range from {
		text := func(name string) string { s, _ := m[name].(string); return s }
		testnet, _ := m["testnet"].(bool)
		p := plain{id, text("chain"), text("mnemonic"), text("privateKey") + text("secret"), text("xpub"), text("address"), testnet, false}
		_, number := m["privateKey"].(float64)
		_, word := m["testnet"].(string)
		p.odd = number || word
		want[id] = p
	}
	return want
}

// hides fails when an error shows any piece of a secret.
func hides(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		for i := 0; i+6 <= len(s); i++ {
			if strings.Contains(err.Error(), s[i:i+6]) {
				t.Fatalf("the error shows a part of a secret: %v", err)
			}
		}
	}
}
