// Command coordinate is a coordinator of multisig wallets, for scripts of tests. It is a
// program of its own: btcd links net, and so cgo, which no test of the offline half may.
package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"coldsign/scripts/coordinator"
	"coldsign/shared/frame/ur"
	"coldsign/shared/frame/urtypes"
)

func main() {
	if err := coordinate(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// coordinate does what scripts ask.
//
//	wallet OUT THRESHOLD KEY...     a wallet of keys; stranger:N is a key of nobody here
//	spend OUT WALLET PLACE TO=AMOUNT...   a PSBT that spends 1,000,000 satoshi of a place,
//	                                to stranger, to WALLET:PLACE, to WALLET:PLACE@CLAIM
//	                                (which the PSBT says is at another place), or to
//	                                KEY:PLACE: to one key of a wallet alone
//	codes OUT FILE TYPE             a file's codes; a wallet's if TYPE is crypto-output
//	plain OUT CODES                 the PSBT in codes
//	signatures PSBT                 how many the PSBT has
//	combine PSBT...                 puts the signatures together; btcd's engine runs it
func coordinate(args []string) error {
	switch args[0] {
	case "wallet":
		return coordinateWallet(args[1:])
	case "spend":
		return coordinateSpend(args[1:])
	case "codes":
		return coordinateCodes(args[1:])
	case "plain":
		b, err := os.ReadFile(args[2])
		d := ur.NewDecoder(ur.Limits{})
		for _, text := range strings.Fields(string(b)) {
			p, err := d.Add(text)
			if err != nil {
				return err
			}
			if p.Message != nil {
				item, err := urtypes.Decode("crypto-psbt", p.Message)
				if err != nil {
					return err
				}
				return os.WriteFile(args[1], item.(urtypes.PSBT), 0o600)
			}
		}
		return errors.Join(err, errors.New("no whole message"))
	case "signatures":
		b, err := readPSBT(args[1])
		if err != nil {
			return err
		}
		p, err := psbt.NewFromRawBytes(bytes.NewReader(b), false)
		if err != nil {
			return err
		}
		n := 0
		for _, in := range p.Inputs {
			n += len(in.PartialSigs)
		}
		fmt.Println(n)
		return nil
	case "combine":
		var list [][]byte
		for _, name := range args[1:] {
			b, err := readPSBT(name)
			if err != nil {
				return err
			}
			list = append(list, b)
		}
		tx, err := coordinator.Combine(list...)
		if err == nil {
			fmt.Println("valid", tx.TxHash())
		}
		return err
	}
	return fmt.Errorf("unknown %q", args[0])
}

func readPSBT(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err == nil && !bytes.HasPrefix(b, []byte("psbt")) {
		b, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	}
	return b, err
}

func coordinateWallet(args []string) error {
	m, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	keys := args[2:]
	for i, k := range keys {
		if seed, ok := strings.CutPrefix(k, "stranger:"); ok {
			n, err := strconv.ParseUint(seed, 10, 8)
			if err != nil {
				return err
			}
			if keys[i], err = coordinator.Stranger(byte(n)); err != nil {
				return err
			}
		}
	}
	w, err := coordinator.New(m, keys...)
	if err != nil {
		return err
	}
	text, err := w.Text()
	return errors.Join(err, os.WriteFile(args[0], []byte(text+"\n"), 0o600))
}

func readWallet(name string) (*coordinator.Wallet, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	w, err := coordinator.Parse(strings.TrimSpace(string(b)))
	return &w, err
}

// place reads "1/4".
func place(text string) (branch, index uint32, err error) {
	_, err = fmt.Sscanf(text, "%d/%d", &branch, &index)
	return branch, index, err
}

func coordinateSpend(args []string) error {
	w, err := readWallet(args[1])
	if err != nil {
		return err
	}
	branch, index, err := place(args[2])
	if err != nil {
		return err
	}
	_, script, err := w.Script(branch, index)
	if err != nil {
		return err
	}
	var out []coordinator.Output
	for _, text := range args[3:] {
		o, err := coordinateOutput(text)
		if err != nil {
			return err
		}
		out = append(out, o)
	}
	p, err := w.Spend(coordinator.Fund(script, 1_000_000), 0, branch, index, out...)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := p.Serialize(&b); err != nil {
		return err
	}
	raw := b.Bytes()
	if strings.HasSuffix(args[0], ".b64") {
		raw = []byte(base64.StdEncoding.EncodeToString(raw) + "\n")
	}
	return os.WriteFile(args[0], raw, 0o600)
}

func coordinateOutput(text string) (o coordinator.Output, err error) {
	to, amount, _ := strings.Cut(text, "=")
	if o.Amount, err = strconv.ParseInt(amount, 10, 64); err != nil {
		return o, err
	}
	if to == "stranger" {
		o.Script = append([]byte{0, 20}, bytes.Repeat([]byte{0x77}, 20)...)
		return o, nil
	}
	name, where, _ := strings.Cut(to, ":")
	truly, claimed, lies := strings.Cut(where, "@")
	branch, index, err := place(truly)
	if err != nil {
		return o, err
	}
	o.Branch, o.Index = branch, index
	if lies {
		if o.Branch, o.Index, err = place(claimed); err != nil {
			return o, err
		}
	}
	if strings.HasPrefix(name, "[") {
		w, err := coordinator.New(1, name)
		if err != nil {
			return o, err
		}
		witness, _, err := w.Script(branch, index)
		if err != nil {
			return o, err
		}
		o.Claim = &w
		o.Script, err = txscript.NewScriptBuilder().AddOp(txscript.OP_0).AddData(address.Hash160(witness[2:35])).Script()
		return o, err
	}
	if o.Claim, err = readWallet(name); err != nil {
		return o, err
	}
	_, o.Script, err = o.Claim.Script(branch, index)
	return o, err
}

func coordinateCodes(args []string) error {
	var item urtypes.Item
	if args[2] == "crypto-output" {
		w, err := readWallet(args[1])
		if err != nil {
			return err
		}
		o := urtypes.Output{Source: fmt.Sprintf("wsh(sortedmulti(%d", w.Threshold)}
		for i, k := range w.Keys {
			o.Source += fmt.Sprintf(",@%d", i)
			pub, err := k.Node.ECPubKey()
			if err != nil {
				return err
			}
			fp := k.Fingerprint
			path := urtypes.PathOf(uint32(fp[0])<<24|uint32(fp[1])<<16|uint32(fp[2])<<8|uint32(fp[3]), k.Path)
			o.Keys = append(o.Keys, urtypes.HDKey{Key: pub.SerializeCompressed(), ChainCode: [32]byte(k.Node.ChainCode()), Origin: &path,
				Parent: k.Node.ParentFingerprint(), Coin: &urtypes.CoinInfo{Network: 1}})
		}
		o.Source += "))"
		item = o
	} else {
		b, err := readPSBT(args[1])
		if err != nil {
			return err
		}
		item = urtypes.PSBT(b)
	}
	b, err := urtypes.Encode(args[2], item)
	if err != nil {
		return err
	}
	e, err := ur.NewEncoder(args[2], b, 200)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for n := range uint32(2 * e.K()) {
		lines.WriteString(e.Part(n+1) + "\n")
	}
	return os.WriteFile(args[0], []byte(lines.String()), 0o600)
}
