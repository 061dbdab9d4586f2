package intake

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// findNetwork settles chain, network and family.
func (in *Intake) findNetwork(d *draft) (e FieldErrors) {
	at := slices.IndexFunc(in.Chains, func(c chain.Chain) bool { return c.Name == d.Chain })
	if at < 0 {
		e.bad("chain", "isIn", "chain must be one that this server signs for: "+in.chainNames(), d.Chain)
		return e
	}
	d.chain = in.Chains[at]
	var fit []chain.Network
	var names []string
	for _, n := range d.chain.Networks {
		if !slices.Contains(in.Networks, n.ID) {
			continue
		}
		names = append(names, n.Name)
		if d.Network == "" || d.Network == n.Name || d.Network == string(n.ID) {
			fit = append(fit, n)
		}
	}
	if len(fit) != 1 {
		configured := "none"
		if names != nil {
			configured = strings.Join(names, ", ")
		}
		e.bad("network", "isIn", "network must name one that is configured for "+d.Chain+": "+configured, d.Network)
		return e
	}
	d.network = fit[0]
	var known bool
	if d.family, known = families()[d.network.ID.Namespace()]; !known {
		e.bad("chain", "isIn", "chain must be one that this server signs for", d.Chain)
	}
	return e
}

func (in *Intake) chainNames() string {
	var names []string
	for _, c := range in.Chains {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// check judges what can be judged without wallets and codec.
func (in *Intake) check(d *draft) (e FieldErrors) {
	d.checkIDs(&e)
	if d.native() == (d.SerializedTransaction != "") {
		e.bad("transaction", "isDefined", "give either transaction or serializedTransaction", "")
	}
	if len(d.Evidence) > base64.StdEncoding.EncodedLen(maxEvidence) {
		e.bad("evidence", "maxLength", fmt.Sprintf("evidence must have at most %d bytes", maxEvidence), "")
	} else if b, err := base64.StdEncoding.Strict().DecodeString(d.Evidence); err != nil {
		e.bad("evidence", "isBase64", "evidence must be base64 with padding", "")
	} else if len(b) > 0 {
		d.evidence = b
	}
	if d.Index != nil && *d.Index >= chain.Hardened {
		e.bad("index", "max", "index must be below 2^31", fmt.Sprint(*d.Index))
	}
	if len(d.Note) > bundle.MaxNote {
		e.bad("note", "maxLength", fmt.Sprintf("note must have at most %d bytes", bundle.MaxNote), "")
	}
	if d.Deadline != 0 && (d.Deadline <= in.Now().Unix() || d.Deadline > bundle.MaxTime) {
		e.bad("deadline", "min", "deadline must be a time to come, in Unix seconds", fmt.Sprint(d.Deadline))
	}
	if id := d.WithdrawalID; id != "" && (len(id) != 24 || strings.Trim(id, "0123456789abcdefABCDEF") != "") {
		e.bad("withdrawalId", "length", "withdrawalId must be 24 hex characters", id)
	}
	d.checkRows(&e)
	return e
}

// checkIDs parses the signature ids and spells them in lower case.
func (d *draft) checkIDs(e *FieldErrors) {
	if len(d.Hashes)+len(d.Signatures) == 0 || len(d.Hashes)+len(d.Signatures) > maxWallets {
		e.bad("hashes", "arraySize", fmt.Sprintf("hashes and signatures must name 1 to %d signature ids", maxWallets), "")
		return
	}
	hashes, pairs := slices.Clone(d.Hashes), slices.Clone(d.Signatures)
	parse := func(property, text string) string {
		id, err := bundle.ParseSignatureID(text)
		if err != nil {
			e.bad(property, "isUuid", "each signature id must be a UUID", text)
			return text
		}
		if !slices.Contains(d.ids, id) {
			d.ids = append(d.ids, id)
		}
		return id.String()
	}
	for i, h := range hashes {
		hashes[i] = parse("hashes", h)
	}
	for i, p := range pairs {
		pairs[i].ID = parse("signatures", p.ID)
		if p.Index >= chain.Hardened {
			e.bad("signatures", "max", "index must be below 2^31", fmt.Sprint(p.Index))
		}
	}
	d.Hashes, d.Signatures = hashes, pairs
}

// checkRows reads the withdrawal responses: of those that are inputs, the index
// of the key that the input belongs to.
func (d *draft) checkRows(e *FieldErrors) {
	v := d.WithdrawalResponses
	if v.Kind <= strictjson.Null {
		return
	}
	if v.Kind != strictjson.Array || len(v.Items) > maxRows || len(v.Append(nil)) > maxRowsText {
		e.bad("withdrawalResponses", "isArray", fmt.Sprintf("withdrawalResponses must be an array of at most %d objects", maxRows), "")
		return
	}
	d.derive = map[uint32]bool{}
	for i, row := range v.Items {
		f, unknown := row.Object("address", "amount", "vIn", "vInIndex", "scriptPubKey")
		a, more := f["address"].Object("address", "currency", "derivationKey", "xpub", "destinationTag", "memo", "message")
		index, ok := a["derivationKey"].Uint(uint64(chain.Hardened) - 1)
		if a["derivationKey"].Kind == strictjson.Absent {
			ok = true
		}
		if unknown = append(unknown, more...); row.Kind != strictjson.Object || unknown != nil || !ok {
			e.bad("withdrawalResponses", "isObject", fmt.Sprintf("row %d of withdrawalResponses is not as documented", i), quote.Line(strings.Join(unknown, ", ")))
			return
		}
		if f["vIn"].Kind == strictjson.String && f["vIn"].Text != "-1" {
			d.derive[uint32(index)] = true
		}
	}
}
