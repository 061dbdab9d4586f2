package apikeys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/apikeys"
	"coldsign/online/internal/config"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
)

const good = "7c1f0a9be2d34856b7a8c9d0e1f2031425364758697a8b9c" // 48 characters

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func table(more string) string {
	return "[[api_key]]\nname = \"app\"\nscopes = [\"submit\", \"read\"]\nkey_file = \"key\"\n" + more
}

// TestKeysOfFiles: beside config.toml or as a credential, beside those of the
// database, until they expire.
func TestKeysOfFiles(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "config.toml")
	write(t, path, table("expires = 2027-01-31\n"), 0o600)
	write(t, filepath.Join(dir, "key"), good+"\n", 0o600)
	other := strings.ToUpper(good)
	now := time.Date(2027, 1, 30, 23, 59, 59, 0, time.UTC)
	s, err := store.Open(t.Context(), filepath.Join(dir, "kms.db"), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, made, err := s.CreateAPIKeyUntil(t.Context(), "db", "a", []string{"read"}, now.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for _, credential := range []bool{false, true} {
		want := good
		if credential {
			write(t, filepath.Join(credentials, "key"), other, 0o440)
			want = other
		}
		c, err := config.LoadWith(path, credentials, nil)
		if err != nil {
			t.Fatal(err)
		}
		at := now
		keys := apikeys.New(s, c.APIKeys, func() time.Time { return at })
		for _, key := range []string{good, other, made, good[:47], "", good + "0"} {
			caller, err := keys.Authenticate(t.Context(), key)
			switch {
			case key == want && (err != nil || caller.Tenant != "default" || caller.KeyID != "file:app" || !caller.Can("read") || caller.Can("admin")):
				t.Errorf("%+v %v", caller, err)
			case key == made && (err != nil || caller.Tenant != "a"):
				t.Errorf("of the database: %+v %v", caller, err)
			case key != want && key != made && !fault.Is(err, "apikey.invalid"):
				t.Errorf("%q: %v", key, err)
			}
		}
		at = at.Add(time.Second)
		if _, err := keys.Authenticate(t.Context(), want); !fault.Is(err, "apikey.invalid") {
			t.Errorf("expired: %v", err)
		}
	}
	now = now.Add(time.Second)
	if _, err := s.Authenticate(t.Context(), made); !fault.Is(err, "apikey.invalid") {
		t.Errorf("expired in the database: %v", err)
	}
}

func TestKeysOfFilesRefused(t *testing.T) {
	for name, c := range map[string]struct {
		config, key string
		mode        os.FileMode
		code        string
	}{
		"good":           {table(""), good, 0o600, ""},
		"open":           {table(""), good, 0o644, "config.password"},
		"short":          {table(""), good[:42], 0o600, "config.api-key"},
		"repeated":       {table(""), strings.Repeat("abcabc", 10), 0o600, "config.api-key"},
		"two lines":      {table(""), good + "\n" + good, 0o600, "config.password"},
		"a space":        {table(""), good + " " + good, 0o600, "config.api-key"},
		"the database's": {table(""), "csk_" + good, 0o600, "config.api-key"},
		"long":           {table(""), strings.Repeat(good, 3), 0o600, "config.api-key"},
		"twice":          {table("") + table(""), good, 0o600, "config.api-key"},
		"unknown scope":  {strings.Replace(table(""), "submit", "all", 1), good, 0o600, "config.api-key"},
		"no scope":       {strings.Replace(table(""), `"submit", "read"`, "", 1), good, 0o600, "config.api-key"},
		"no file":        {strings.Replace(table(""), "key_file", "# key_file", 1), good, 0o600, "config.api-key"},
		"no such file":   {strings.Replace(table(""), `"key"`, `"other"`, 1), good, 0o600, "config.password"},
		"every tenant":   {table("tenant = \"*\"\n"), good, 0o600, "config.api-key"},
		"a bad time":     {table("expires = \"soon\"\n"), good, 0o600, "config.syntax"},
		"two scopes":     {table("Scopes = [\"sign\"]\n"), good, 0o600, "config.key"},
		"two tables":     {table("") + "[server]\nquota = 1\n[Server]\nquota = 2\n", good, 0o600, "config.key"},
		"the key in it":  {table("key = \"x\"\n"), good, 0o600, "config.key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "config.toml"), c.config, 0o600)
			write(t, filepath.Join(dir, "key"), c.key, c.mode)
			_, err := config.Load(filepath.Join(dir, "config.toml"), nil)
			if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
				t.Errorf("%v (%s), want %q", err, fault.Code(err), c.code)
			}
			if err != nil && strings.Contains(err.Error(), c.key) {
				t.Error("the key is in the error")
			}
		})
	}
}

// TestHolds: a scope is held by a valid key of the tenant, of a file or of the database.
func TestHolds(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "kms.db"), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	keys := apikeys.New(s, []config.APIKey{
		{Name: "f", Tenant: "file", Scopes: []string{"read", "sign"}},
		{Name: "g", Tenant: "ended", Scopes: []string{"sign"}, Expires: now},
	}, func() time.Time { return now })
	gone := ""
	for _, tenant := range []string{"db", "revoked"} {
		if gone, _, err = s.CreateAPIKey(t.Context(), "k", tenant, []string{"sign"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeAPIKey(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CreateAPIKeyUntil(t.Context(), "k", "over", []string{"sign"}, now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	for tenant, want := range map[string]bool{"db": true, "file": true, "revoked": false, "over": false, "ended": false, "nobody": false} {
		if got, err := keys.Holds(t.Context(), tenant, "complete", "sign"); err != nil || got != want {
			t.Errorf("%s: %v, %v", tenant, got, err)
		}
		if got, err := keys.Holds(t.Context(), tenant, "complete"); err != nil || got {
			t.Errorf("%s completes: %v, %v", tenant, got, err)
		}
	}
}
