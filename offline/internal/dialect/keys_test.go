package dialect

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/address/v2/base58"

	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
	"coldsign/shared/hd"
)

// seedOf is a keyring of a mnemonic that knows no rules about paths.
type seedOf []byte

// about is the mnemonic of the test vectors of BIP-49, 84 and 86.
const about = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

func keyring(t *testing.T) seedOf {
	t.Helper()
	seed, err := hd.SeedFromText([]byte(about), nil)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func (s seedOf) at(path []uint32) (*hd.Public, error) {
	m, err := hd.NewMaster(s)
	if err != nil {
		return nil, err
	}
	n, err := m.Derive(path)
	if err != nil {
		return nil, err
	}
	return n.Public(), nil
}

func (s seedOf) Master() ([4]byte, error) {
	p, err := s.at(nil)
	return p.Fingerprint(), err
}

func (s seedOf) Account(path []uint32) (*hd.Public, error) { return s.at(path) }

func (s seedOf) Key(path []uint32) (chain.PublicKey, error) {
	secret, err := hd.DeriveEd25519(s, path)
	if err != nil {
		return chain.PublicKey{}, err
	}
	return ed25519Key(secret)
}

func wallet(t *testing.T, name string, testnet bool) Wallet {
	t.Helper()
	ch, ok := registry.New().ByName(name)
	if !ok {
		t.Fatal(name)
	}
	return Wallet{Chain: name, Testnet: testnet, Derivation: ch.Wallet.Derivation(), Name: "coldsign"}
}

func told(t *testing.T, kind string, w Wallet) (frame.Message, urtypes.Item) {
	t.Helper()
	m, err := Keys(kind, w, keyring(t))
	if err != nil {
		t.Fatal(err)
	}
	item, err := urtypes.Decode(m.Type, m.Data)
	if err != nil || m.Format != frame.UR {
		t.Fatal(m, err)
	}
	return m, item
}

// same compares a key that is told with an extended public key in text, whatever
// its version bytes (xpub, ypub, zpub) say.
func same(t *testing.T, k urtypes.HDKey, text string) {
	t.Helper()
	b := base58.Decode(text)
	if len(b) != 82 {
		t.Fatalf("%q has %d bytes", text, len(b))
	}
	if !bytes.Equal(k.Key, b[45:78]) || !bytes.Equal(k.ChainCode[:], b[13:45]) {
		t.Errorf("key %x, chain code %x: not %s", k.Key, k.ChainCode, text)
	}
	if parent := binary.BigEndian.Uint32(b[5:9]); k.Parent != parent || k.Origin.Depth == nil || *k.Origin.Depth != b[4] {
		t.Errorf("parent %08x, want %08x; depth %v, want %d", k.Parent, parent, k.Origin.Depth, b[4])
	}
	if k.Private || k.Master {
		t.Error("a private or master key is told")
	}
}

func pathOf(t *testing.T, k urtypes.HDKey) []uint32 {
	t.Helper()
	if k.Origin == nil || k.Origin.Fingerprint != 0x73c5da0a { // of "about", in BIP-84's and BIP-86's PSBTs
		t.Fatalf("origin %+v", k.Origin)
	}
	path, one := k.Origin.Indexes()
	if !one {
		t.Fatalf("origin %+v", k.Origin)
	}
	return path
}

// An account tells four outputs of one key, each at its own purpose, and the key for
// multisig wallets. The keys are those of the papers: BIP-84's zpub; BIP-86's xpub; for
// 49, 44 and 48 what hdkeychain-based tools print of the same mnemonic (shared/hd
// compares with it).
func TestAccount(t *testing.T) {
	m, item := told(t, "", wallet(t, "BTC", false))
	a := item.(urtypes.Account)
	if m.Type != "crypto-account" || a.Fingerprint != 0x73c5da0a || len(a.Outputs) != 5 {
		t.Fatalf("%s %+v", m.Type, a)
	}
	for i, want := range []struct {
		source  string
		purpose uint32
		key     string
	}{
		{"wpkh(@0)", 84, "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"},
		{"tr(@0)", 86, "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"},
		{"sh(wpkh(@0))", 49, "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP"},
		{"pkh(@0)", 44, "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj"},
		{"wsh(cosigner(@0))", 48, "xpub6DkFAXWQ2dHxq2vatrt9qyA3bXYU4ToWQwCHbf5XB2mSTexcHZCeKS1VZYcPoBd5X8yVcbXFHJR9R8UCVpt82VX1VhR28mCyxUFL4r6KFrf"},
	} {
		o := a.Outputs[i]
		if o.Source != want.source || len(o.Keys) != 1 {
			t.Fatalf("output %d is %q", i, o.Source)
		}
		k := o.Keys[0].(urtypes.HDKey)
		same(t, k, want.key)
		if path := pathOf(t, k); !slices.Equal(path, append([]uint32{h + want.purpose, h, h}, []uint32{h + 2}[:min(i/4, 1)]...)) || k.Children != nil {
			t.Errorf("%s at %s", o.Source, chain.PathString(path))
		}
		if k.Coin == nil || k.Coin.Coin != 0 || k.Coin.Network != 0 {
			t.Errorf("coin %+v", k.Coin)
		}
	}
}

func TestAccountOfTestWallet(t *testing.T) {
	for _, kind := range []string{"crypto-account", "account-descriptor"} {
		m, item := told(t, kind, wallet(t, "BTC", true))
		a := item.(urtypes.Account)
		if m.Type != kind || len(a.Outputs) != 5 {
			t.Fatalf("%s %+v", m.Type, a)
		}
		for i, purpose := range []uint32{84, 86, 49, 44} {
			k := a.Outputs[i].Keys[0].(urtypes.HDKey)
			path := pathOf(t, k)
			p, err := keyring(t).at(path)
			if err != nil || !slices.Equal(path, []uint32{h + purpose, h + 1, h}) || !bytes.Equal(k.Key, p.Key().Bytes()) || k.ChainCode != p.ChainCode() {
				t.Errorf("%s at %s: %v", kind, chain.PathString(path), err)
			}
			if k.Coin == nil || *k.Coin != (urtypes.CoinInfo{Coin: 0, Network: 1}) {
				t.Errorf("coin %+v", k.Coin)
			}
		}
	}
}

// MetaMask takes the account key of BIP-44 and adds the branch and the index.
func TestEthereumKeys(t *testing.T) {
	for _, kind := range []string{"", "crypto-hdkey", "hdkey", "crypto-multi-accounts"} {
		m, item := told(t, kind, wallet(t, "ETH", false))
		k, one := item.(urtypes.HDKey)
		if many, ok := item.(urtypes.MultiAccounts); ok {
			if len(many.Keys) != 1 || many.Fingerprint != 0x73c5da0a || many.Device != "coldsign" {
				t.Fatalf("%+v", many)
			}
			k = many.Keys[0]
		} else if !one || m.Type != kind && kind != "" || kind == "" && m.Type != "crypto-hdkey" {
			t.Fatalf("%q gives %s: %T", kind, m.Type, item)
		}
		if path := pathOf(t, k); !slices.Equal(path, []uint32{h + 44, h + 60, h}) {
			t.Errorf("at %s", chain.PathString(path))
		}
		if k.Coin == nil || *k.Coin != (urtypes.CoinInfo{Coin: 60}) || k.Note != "account.standard" || k.Name != "coldsign" {
			t.Errorf("%+v %q %q", k.Coin, k.Note, k.Name)
		}
		if k.Children == nil || len(k.Children.Steps) != 2 || k.Children.Steps[0] != (urtypes.Step{}) || k.Children.Steps[1] != (urtypes.Step{Form: urtypes.Wildcard}) {
			t.Errorf("children %+v", k.Children)
		}
		key, err := chain.NewPublicKey(chain.Secp256k1, k.Key)
		if err != nil {
			t.Fatal(err)
		}
		node, err := hd.NewPublic(key, k.ChainCode, 3, [4]byte{}, 0)
		if err == nil {
			node, err = node.Derive([]uint32{0, 0})
		}
		if err != nil {
			t.Fatal(err)
		}
		ch, _ := registry.New().ByName("ETH")
		if a := ch.Wallet.Addresses("eip155:1", node.Key(), true); a[0] != "0x9858EfFD232B4033E47d90003D41EC34EcaEda94" {
			t.Errorf("%q: address %s", kind, a[0])
		}
	}
	_, item := told(t, "", wallet(t, "ETH", true))
	k := item.(urtypes.HDKey)
	if path := pathOf(t, k); !slices.Equal(path, []uint32{h + 44, h + 1, h}) || *k.Coin != (urtypes.CoinInfo{Coin: 60, Network: 1}) {
		t.Errorf("a test wallet: %s %+v", chain.PathString(path), k.Coin)
	}
}

// Ed25519 derives no public children: ten keys are told, each with its path.
func TestSolanaKeys(t *testing.T) {
	for _, testnet := range []bool{false, true} {
		m, item := told(t, "", wallet(t, "SOL", testnet))
		a := item.(urtypes.MultiAccounts)
		if m.Type != "crypto-multi-accounts" || a.Fingerprint != 0x73c5da0a || len(a.Keys) != 10 {
			t.Fatalf("%s %+v", m.Type, a)
		}
		for i, k := range a.Keys {
			path := pathOf(t, k)
			want, err := keyring(t).Key([]uint32{h + 44, h + 501, h, h, h + uint32(i)})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(path, []uint32{h + 44, h + 501, h, h, h + uint32(i)}) || !bytes.Equal(k.Key, want.Bytes()) || k.ChainCode != [32]byte{} || k.Coin.Coin != 501 {
				t.Errorf("key %d: %s %x", i, chain.PathString(path), k.Key)
			}
		}
	}
}

func TestKeysRefused(t *testing.T) {
	for _, c := range []struct{ chain, kind string }{
		{"BTC", "crypto-psbt"}, {"BTC", "crypto-output"}, {"BTC", "nonsense"}, {"ETH", "crypto-account"}, {"ETH", "account-descriptor"},
		{"SOL", "crypto-hdkey"}, {"SOL", "hdkey"}, {"SOL", "crypto-account"}, {"ETH", "bytes"}, {"BTC", "\x1b[2J"},
	} {
		if m, err := Keys(c.kind, wallet(t, c.chain, false), keyring(t)); !fault.Is(err, "keys.type") || m.Data != nil {
			t.Errorf("%s %q: %v %v", c.chain, c.kind, m, err)
		}
	}
	broken := errors.New("broken")
	if _, err := Keys("", wallet(t, "BTC", false), failing{seedOf: keyring(t), err: broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// failing cannot derive.
type failing struct {
	seedOf
	err error
}

func (f failing) Account([]uint32) (*hd.Public, error) { return nil, f.err }

func ed25519Key(seed [32]byte) (chain.PublicKey, error) {
	return chain.NewPublicKey(chain.Ed25519, ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
}
