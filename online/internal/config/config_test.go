package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

var chains = []chain.Chain{
	{Name: "BTC", Networks: []chain.Network{{ID: "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", Chain: "BTC", Name: "regtest", Depth: 6}}},
	{Name: "ETH", Networks: []chain.Network{{ID: "eip155:1", Chain: "ETH", Name: "mainnet", Depth: 12}, {ID: "eip155:31337", Chain: "ETH", Name: "local", Depth: 12}}},
	{Name: "SOL", Networks: []chain.Network{{ID: "solana:x", Chain: "SOL", Name: "devnet", Depth: 32}}},
}

// home makes a folder with config.toml and a password file.
func home(t *testing.T, config, password string, mode os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "pw"), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	const whole = `
[server]
listen = "127.0.0.1:1"
database = "x.db"
[[network]]
chain = "BTC"
network = "regtest"
rpc = "http://127.0.0.1:18443"
user = "u"
password_file = "pw"
confirmations = 1
[[network]]
chain = "ETH"
network = "mainnet"
rpc = "https://node.example/v3/apikey"
[[network]]
chain = "ETH"
network = "local"
rpc = "http://127.0.0.1:1"
[[network]]
chain = "SOL"
network = "devnet"
rpc = "http://127.0.0.1:2"
`
	c, err := Load(home(t, whole, "geheim\n", 0o440), chains)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:1" || c.Database != "x.db" || len(c.Networks) != 4 {
		t.Fatalf("got %+v", c)
	}
	for i, want := range []uint64{1, 12, 12, 32} {
		if got := c.Networks[i].Confirmations; got != want {
			t.Errorf("network %d: %d confirmations, want %d", i, got, want)
		}
	}
	btc := c.Networks[0]
	if btc.Password.Reveal() != "geheim" || btc.User != "u" || btc.ID != chains[0].Networks[0].ID {
		t.Errorf("got %+v", btc)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q", c, c, c, btc.Password, btc.Password), string(asJSON)} {
		if strings.Contains(text, "geheim") {
			t.Errorf("the password shows in %s", text)
		}
	}
}

// Several nodes, how many must agree, and how long complete payments are watched.
func TestNodes(t *testing.T) {
	const btc = "[[network]]\nchain = \"BTC\"\nnetwork = \"regtest\"\nrpc = \"http://a.example\"\n"
	const second = "[[network.node]]\nname = \"elsewhere\"\nrpc = \"https://b.example\"\nuser = \"u\"\npassword_file = \"pw\"\n"
	const third = "[[network.node]]\nrpc = \"http://c.example\"\n"
	for _, c := range []struct {
		name, config string
		nodes        string
		views        int
		watch        uint64
		code         string
	}{
		{"one", btc, "node 1", 1, 100, ""},
		{"ways to coins", btc + "coins = \"index\"\n" + second + "coins = \"wallet\"\n", "node 1,elsewhere", 2, 100, ""},
		{"two", btc + second, "node 1,elsewhere", 2, 100, ""},
		{"three", btc + second + third, "node 1,elsewhere,node 3", 2, 100, ""},
		{"all of three", btc + "views = 3\n" + second + third, "node 1,elsewhere,node 3", 3, 100, ""},
		{"one of two", btc + "views = 1\nname = \"ours\"\n" + second, "ours,elsewhere", 1, 100, ""},
		{"watch", btc + "watch = 6\n", "node 1", 1, 6, ""},
		{"deep", btc + "confirmations = 200\n", "node 1", 1, 200, ""},
		{"more views than nodes", btc + "views = 3\n" + second, "", 0, 0, "config.views"},
		{"no view", btc + "views = 0\n", "", 0, 0, "config.views"},
		{"negative", btc + "views = -1\n", "", 0, 0, "config.views"},
		{"the same node", btc + "[[network.node]]\nrpc = \"http://A.example:80/\"\n", "", 0, 0, "config.views"},
		{"the same name", btc + "[[network.node]]\nname = \"node 1\"\nrpc = \"http://b.example\"\n", "", 0, 0, "config.views"},
		{"no address", btc + "[[network.node]]\nname = \"x\"\n", "", 0, 0, "config.rpc"},
		{"a user in it", btc + "[[network.node]]\nrpc = \"http://u:geheim@b.example\"\n", "", 0, 0, "config.rpc"},
		{"a name of controls", btc + "[[network.node]]\nname = \"a\\u001b[2J\"\nrpc = \"http://b.example\"\n", "", 0, 0, "config.rpc"},
		{"unknown key", btc + "[[network.node]]\nurl = \"http://b.example\"\n", "", 0, 0, "config.key"},
		{"no password", btc + "[[network.node]]\nrpc = \"http://b.example\"\nuser = \"u\"\n", "", 0, 0, "config.password"},
		{"watched less than needed", btc + "watch = 5\n", "", 0, 0, "config.watch"},
		{"watched for ever", btc + "watch = 100001\n", "", 0, 0, "config.watch"},
		{"too many", btc + strings.Repeat(third, maxNodes), "", 0, 0, "config.views"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Load(home(t, c.config, "geheim", 0o600), chains)
			if c.code != "" {
				if !fault.Is(err, c.code) || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "\x1b") {
					t.Errorf("got %v (%s), want %s", err, fault.Code(err), c.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n, names := got.Networks[0], []string{}
			for _, m := range n.Nodes() {
				names = append(names, m.Label)
				if m.Label == "elsewhere" && (m.User != "u" || m.Password.Reveal() != "geheim" || m.RPC != "https://b.example") {
					t.Errorf("%+v", m)
				}
			}
			if all := n.Nodes(); strings.Contains(c.config, "coins") && (all[0].Coins != "index" || all[1].Coins != "wallet") {
				t.Errorf("%+v", all)
			}
			if strings.Join(names, ",") != c.nodes || n.Views != c.views || n.Watch != c.watch || n.RPC != "http://a.example" {
				t.Errorf("%v, %d views, watched to %d", names, n.Views, n.Watch)
			}
			if text := fmt.Sprintf("%+v %#v", got, got); strings.Contains(text, "geheim") {
				t.Errorf("the password shows in %s", text)
			}
		})
	}
}

func TestMissingFileIsDefaults(t *testing.T) {
	c, err := Load(filepath.Join(t.TempDir(), "config.toml"), chains)
	if err != nil || c.Listen != "" || c.Networks != nil {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestRefusals(t *testing.T) {
	const btc = "[[network]]\nchain = \"BTC\"\nnetwork = \"regtest\"\nrpc = \"http://127.0.0.1:1\"\n"
	withPassword := btc + "user = \"u\"\npassword_file = \"pw\"\n"
	for _, c := range []struct {
		name, config, password string
		mode                   os.FileMode
		code, says             string
	}{
		{"syntax", "[server\nx", "p", 0o600, "config.syntax", "line 2"},
		{"type", "[server]\nlisten = 5\n", "p", 0o600, "config.syntax", ""},
		{"negative", btc + "confirmations = -1\n", "p", 0o600, "config.confirmations", ""},
		{"unknown key", btc + "confirmation = 6\n", "p", 0o600, "config.key", "network.confirmation "},
		{"unknown table", "[sever]\nlisten = \"x\"\n", "p", 0o600, "config.key", "sever"},
		{"case of a key", "[Server]\nLISTEN_ = \"x\"\n", "p", 0o600, "config.key", "LISTEN_"},
		{"unknown key upstream", "[upstream]\nuri = \"x\"\n", "p", 0o600, "config.key", "upstream.uri"},
		{"chain", strings.Replace(btc, "BTC", "XYZ", 1), "p", 0o600, "config.network", `chain "XYZ"`},
		{"network", strings.Replace(btc, "regtest", "mainnet", 1), "p", 0o600, "config.network", "BTC regtest"},
		{"twice", btc + btc, "p", 0o600, "config.network", "twice"},
		{"no rpc", strings.Replace(btc, "http://127.0.0.1:1", "", 1), "p", 0o600, "config.rpc", ""},
		{"scheme", strings.Replace(btc, "http:", "ftp:", 1), "p", 0o600, "config.rpc", ""},
		{"user in rpc", strings.Replace(btc, "//", "//u:geheim@", 1), "p", 0o600, "config.rpc", "password_file"},
		{"a gas price of coins", btc + "legacy_fees = true\n", "p", 0o600, "config.network", "no gas price"},
		{"unknown way to coins", btc + "coins = \"guess\"\n", "p", 0o600, "config.coins", "wallet"},
		{"coins of accounts", strings.NewReplacer("BTC", "ETH", "regtest", "local").Replace(btc) + "coins = \"wallet\"\n", "p", 0o600, "config.coins", ""},
		{"zero depth", btc + "confirmations = 0\n", "p", 0o600, "config.confirmations", ""},
		{"huge depth", btc + "confirmations = 100001\n", "p", 0o600, "config.confirmations", ""},
		{"world reads", withPassword, "geheim", 0o604, "config.password", "0604"},
		{"group writes", withPassword, "geheim", 0o620, "config.password", "chmod 600"},
		{"empty", withPassword, "\n", 0o600, "config.password", ""},
		{"two lines", withPassword, "geheim\nb", 0o600, "config.password", "one line"},
		{"long", withPassword, strings.Repeat("x", maxPassword+1), 0o600, "config.password", "too long"},
		{"no file", strings.Replace(withPassword, `"pw"`, `"other"`, 1), "p", 0o600, "config.password", "other"},
		{"folder", strings.Replace(withPassword, `"pw"`, `"."`, 1), "p", 0o600, "config.password", "regular"},
		{"user alone", btc + "user = \"u\"\n", "p", 0o600, "config.password", "together"},
		{"large", "#" + strings.Repeat("x", maxFile), "p", 0o600, "config.read", "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Load(home(t, c.config, c.password, c.mode), chains)
			if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v (%s), want %s %q", err, fault.Code(err), c.code, c.says)
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error shows a password: %v", err)
			}
			if got.Networks != nil {
				t.Errorf("a refused configuration gave %+v", got)
			}
		})
	}
}

// TestLegacyFees: what the setting says, and that it is off by itself.
func TestLegacyFees(t *testing.T) {
	const eth = "[[network]]\nchain = \"ETH\"\nnetwork = \"local\"\nrpc = \"http://a.example\"\n"
	for text, want := range map[string]bool{eth: false, eth + "legacy_fees = true\n": true, eth + "legacy_fees = false\n": false} {
		got, err := Load(home(t, text, "x", 0o600), chains)
		if err != nil || got.Networks[0].LegacyFees != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
