package config

import (
	"strings"
	"testing"

	"coldsign/shared/fault"
)

func TestOwners(t *testing.T) {
	const id = "0f5d1e1c-3d4b-4f2a-9c2e-8a4f2f6f3b11"
	one := func(id, tenants string) string { return "[[wallet]]\nid = \"" + id + "\"\ntenants = " + tenants + "\n" }
	for _, c := range []struct{ name, text, code string }{
		{"one", one(id, `["payroll"]`), ""},
		{"two tenants", one(strings.ToUpper(id), `["payroll", "default"]`), ""},
		{"nobody's", one(id, `[]`), "config.wallet"},
		{"no tenants", "[[wallet]]\nid = \"" + id + "\"\n", "config.wallet"},
		{"a tenant without a name", one(id, `["payroll", ""]`), "config.wallet"},
		{"every tenant", one(id, `["*"]`), "config.wallet"},
		{"a tenant that draws", one(id, `["\u001b[2J"]`), "config.wallet"},
		{"no id", one("wallet 1", `["payroll"]`), "config.wallet"},
		{"twice", one(id, `["payroll"]`) + one(strings.ToUpper(id), `["default"]`), "config.wallet"},
		{"misspelt", one(id, `["payroll"]`) + "tenant = \"default\"\n", "config.key"},
	} {
		got, err := Load(home(t, c.text, "", 0o600), chains)
		if c.code != "" {
			if !fault.Is(err, c.code) || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%s: %v, want %s", c.name, err, c.code)
			}
			continue
		}
		if err != nil || len(got.Owners) != 1 || got.Owners[id] == nil || got.Owners[id][0] != "payroll" {
			t.Errorf("%s: %v, %v", c.name, got.Owners, err)
		}
	}
	if got, err := Load(home(t, "", "", 0o600), chains); err != nil || got.Owners != nil {
		t.Errorf("without a table: %v, %v", got.Owners, err)
	}
}
