package config

import (
	"strings"
	"testing"

	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

const rollup = `[[network]]
chain = "ETH"
network = "rollup"
chain_id = 59141
symbol = "ROL"
testnet = true
explorer = "https://scan.example/tx/"
rpc = "http://127.0.0.1:1"
`

func TestAdded(t *testing.T) {
	c, err := Load(home(t, rollup, "", 0o600), registry.New().All())
	if err != nil || len(c.Networks) != 1 || len(c.Added) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	n := c.Networks[0]
	if n.ID != "eip155:59141" || n.Chain != "ETH" || !n.Testnet || n.Asset.Symbol != "ROL" || n.Explorer != "https://scan.example/tx/" || n.Confirmations != 12 || n.Watch != 128 {
		t.Errorf("%+v", n)
	}
	if _, _, ok := registry.New(c.Added...).ByNetwork(n.ID); !ok {
		t.Error("the registry does not take it")
	}
	for name, change := range map[string][3]string{
		"another chain":     {`"ETH"`, `"BSC"`, "config.network"},
		"a known id":        {"59141", "1", "evm.network"},
		"a known name":      {`"rollup"`, `"sepolia"`, "evm.network"},
		"below zero":        {"59141", "-59141", "evm.network"},
		"no symbol":         {`"ROL"`, `""`, "evm.network"},
		"a script":          {"https://scan.example/tx/", "javascript:alert(1)//", "config.network"},
		"a quote":           {"https://scan.example/tx/", "https://scan.example/'", "config.network"},
		"no id":             {"chain_id = 59141\n", "", "config.network"},
		"the same id twice": {"[[network]]", strings.Replace(rollup, "rollup", "other", 1) + "[[network]]", "config.network"},
		"the name twice":    {"[[network]]", strings.Replace(rollup, "59141", "59142", 1) + "[[network]]", "config.network"},
	} {
		if _, err := Load(home(t, strings.Replace(rollup, change[0], change[1], 1), "", 0o600), registry.New().All()); !fault.Is(err, change[2]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
