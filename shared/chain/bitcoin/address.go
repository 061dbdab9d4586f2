package bitcoin

import (
	"strings"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/address/v2/bech32"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// ScriptFor gives the script that an address stands for. It takes P2PKH and P2SH
// in base58check, witness version 0 in bech32 (BIP-173) and later versions in
// bech32m (BIP-350), and refuses mixed case, any other encoding of the same
// bytes, and addresses of other networks. Bitcoin Cash has CashAddr alone.
func ScriptFor(id chain.ID, address string) ([]byte, error) {
	n, err := networkOf(id)
	if err != nil {
		return nil, err
	}
	bad := fault.New("bitcoin.address", "check it against its source, character by character", "not an address of %s: %.100q", n.coin.name, address)
	if len(address) > maxAddress {
		return nil, bad
	}
	foreign := fault.New("bitcoin.address-network", "", "the address %.100q belongs to another network than %s", address, n.name)
	if n.coin.cash {
		return n.cashScript(address, bad, foreign)
	}
	if hrp, data, version, err := bech32.DecodeGeneric(address); err == nil && n.coin.segwit {
		script, ok := segwitScript(hrp, data, version, address)
		switch {
		case !ok:
			return nil, bad
		case hrp != n.hrp:
			return nil, foreign
		}
		return script, nil
	}
	hash, version, err := base58.CheckDecode(address)
	if err != nil || len(hash) != 20 || base58.CheckEncode(hash, version) != address {
		return nil, bad
	}
	switch version {
	case n.p2pkh:
		return p2pkhScript(hash), nil
	case n.p2sh:
		return p2shScript(hash), nil
	}
	return nil, foreign
}

// segwitScript reads a witness program and writes it again, so that there is one
// spelling (or its upper case) for each.
func segwitScript(hrp string, data []byte, version bech32.Version, address string) ([]byte, bool) {
	if len(data) < 1 || data[0] > 16 || (data[0] == 0) != (version == bech32.Version0) {
		return nil, false
	}
	program, err := bech32.ConvertBits(data[1:], 5, 8, false)
	if err != nil || len(program) < 2 || len(program) > 40 || data[0] == 0 && len(program) != 20 && len(program) != 32 {
		return nil, false
	}
	return witnessScript(data[0], program), segwitAddress(hrp, data[0], program) == strings.ToLower(address)
}

func segwitAddress(hrp string, version byte, program []byte) string {
	data, err := bech32.ConvertBits(program, 8, 5, true)
	if err != nil {
		return ""
	}
	encode := bech32.EncodeM
	if version == 0 {
		encode = bech32.Encode
	}
	address, err := encode(hrp, append([]byte{version}, data...))
	if err != nil {
		return ""
	}
	return address
}

// AddressFor gives the address of a P2PKH, P2SH, P2WPKH, P2WSH or P2TR script.
// Other scripts have none; nor has a P2TR script whose key is on no point, for
// nobody can spend from it.
func AddressFor(id chain.ID, script []byte) (string, bool) {
	n, err := networkOf(id)
	if err != nil {
		return "", false
	}
	return n.address(script)
}

func (n network) address(script []byte) (string, bool) {
	if n.coin.cash {
		return n.cashAddress(script)
	}
	if hash, ok := p2pkhHash(script); ok {
		return base58.CheckEncode(hash, n.p2pkh), true
	}
	if hash, ok := p2shHash(script); ok {
		return base58.CheckEncode(hash, n.p2sh), true
	}
	version, program, ok := witnessProgram(script)
	switch {
	case !ok || !n.coin.segwit:
		return "", false
	case version == 0 && (len(program) == 20 || len(program) == 32):
	case version == 1 && len(program) == 32:
		if _, err := schnorr.ParsePubKey(program); err != nil {
			return "", false
		}
	default:
		return "", false
	}
	return segwitAddress(n.hrp, version, program), true
}
