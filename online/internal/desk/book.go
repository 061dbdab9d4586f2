package desk

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"coldsign/online/internal/account"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

func bookRoutes() []route {
	return []route{
		{pattern: "GET /desk/book", need: account.Operator, do: func(r *request) error { return r.showBook(nil) }},
		{pattern: "POST /desk/book", need: account.Operator, most: maxBook, do: bookFile},
	}
}

// bookView is what an address book may be made of: whom the queue pays, and our own
// wallets' first addresses.
type bookView struct {
	Recipients, Own []bookEntry
	Name, Version   string // of the file
	Tag             string // of the recipients
	Problem         *problem
}

type bookEntry struct {
	Key      string // the network's id, a space, the address: what the form says
	Network  string // for people
	Address  string
	Payments int64
	Name     string
	Chosen   bool
}

func (r *request) showBook(wrong error) error {
	v := bookView{Name: r.PostFormValue("title"), Version: r.PostFormValue("version"), Tag: r.PostFormValue("tag")}
	if r.Method != http.MethodPost {
		v.Name, v.Version = "addresses of the queue", "1"
	}
	found, err := r.Store.Recipients(r.Context(), maxEntries)
	if err != nil {
		return err
	}
	add := func(list *[]bookEntry, n chain.Network, address, name string, payments int64) {
		e := bookEntry{Key: string(n.ID) + " " + address, Network: r.networkText(n.ID), Address: address, Payments: payments, Name: name}
		if r.Method == http.MethodPost {
			e.Name, e.Chosen = r.PostFormValue("name "+e.Key), slices.Contains(r.PostForm["pick"], e.Key)
		}
		*list = append(*list, e)
	}
	for _, f := range found {
		// What is no address of its network as the offline half spells it is of no use there.
		if c, n, ok := r.Chains.ByNetwork(f.Network); ok {
			if spelled, err := c.Wallet.ParseAddress(n.ID, f.Address); err == nil {
				add(&v.Recipients, n, spelled, "", f.Payments)
			}
		}
	}
	wallets, err := r.Store.Wallets(r.Context())
	if err != nil {
		return err
	}
	for _, w := range wallets[:min(len(wallets), maxWallets)] {
		if n, ok := r.networkOf(w.Chain, w.Testnet); ok && w.Signer == "" { // another wallet's keys may be anybody's
			if list := r.addresses(w, n, 0); len(list) > 0 {
				add(&v.Own, n, list[0], "own "+w.SignatureID.String(), 0)
			}
		}
	}
	at := http.StatusOK
	if wrong != nil {
		p := r.explain(wrong)
		v.Problem, at = &p, p.Status
	}
	return r.pageStatus(at, "book", v)
}

// networkText is a network as the offline half's files name it: "ETH mainnet".
func (d *Desk) networkText(id chain.ID) string {
	c, n, _ := d.Chains.ByNetwork(id)
	return quote.Line(c.Name + " " + n.Name)
}

// bookFile answers with the file, or with the form and what is wrong in it.
func bookFile(r *request) error {
	text, err := r.book()
	if err != nil {
		return r.showBook(err)
	}
	r.w.Header().Set("Content-Type", "application/toml; charset=utf-8")
	r.w.Header().Set("Content-Disposition", `attachment; filename="address-book.toml"`)
	_, err = r.w.Write([]byte(text))
	return err
}

// book writes what was chosen as an address book that the offline half reads (POLICY.md
// there). Nothing in it is believed here: who signs the file has looked at it.
func (r *request) book() (string, error) {
	version, err := strconv.ParseUint(r.PostFormValue("version"), 10, 53)
	if err != nil || version < 1 {
		return "", fault.New("book.version", "write a number from 1, higher than that of the book in force", "%q is no version", r.PostFormValue("version"))
	}
	title, tag := r.PostFormValue("title"), r.PostFormValue("tag")
	if !bookWord(title) || tag != "" && !bookWord(tag) {
		return "", fault.New("book.word", wordCure, "the book's name or the tag cannot stand in the file")
	}
	picks := r.PostForm["pick"]
	if len(picks) == 0 || len(picks) > 2*maxEntries {
		return "", fault.New("book.empty", "choose some", "from 1 to %d addresses are written at once, not %d", 2*maxEntries, len(picks))
	}
	var b strings.Builder
	b.WriteString("# From the online half, which anybody may have lied to. Compare each address with what its\n# owner told you by another way; then name it, sign the file, and set it: book check, book set.\n")
	b.WriteString("kind = \"address-book\"\n")
	if r.Rehearsal {
		b.WriteString("rehearsal = true\n")
	}
	fmt.Fprintf(&b, "version = %d\nname = \"%s\"\n", version, title)
	own, err := r.ownKeys()
	if err != nil {
		return "", err
	}
	seen, named := map[string]bool{}, map[string]bool{}
	for _, key := range picks {
		id, address, _ := strings.Cut(key, " ")
		c, n, ok := r.Chains.ByNetwork(chain.ID(id))
		if !ok {
			return "", fault.New("book.network", "load the page again", "%s is no network", quote.String(id))
		}
		if spelled, err := c.Wallet.ParseAddress(n.ID, address); err != nil || spelled != address {
			return "", fault.New("book.address", "load the page again", "%s is no address of %s", quote.String(address), r.networkText(n.ID))
		}
		name := strings.TrimSpace(r.PostFormValue("name " + key))
		if name == "" { // its own name says that nobody has given it one
			if name = address; named[name] {
				name = address + " " + r.networkText(n.ID)
			}
		}
		if !bookWord(name) || name == "any" || strings.HasPrefix(name, "tag:") {
			return "", fault.New("book.word", wordCure, "%s cannot be the name of an address", quote.String(name))
		}
		place := id + " " + strings.ToLower(address)
		if !strings.HasPrefix(address, "0x") {
			place = key
		}
		if seen[place] || named[name] {
			return "", fault.New("book.twice", "give each a name of its own, and choose it once", "the name %s or its address is chosen twice", quote.String(name))
		}
		seen[place], named[name] = true, true
		fmt.Fprintf(&b, "\n[[entry]]\nname = \"%s\"\nnetwork = \"%s\"  # %s\naddress = \"%s\"\n", name, n.ID, r.networkText(n.ID), address)
		if own[key] {
			b.WriteString("tags = [\"own\"]\n")
		} else if tag != "" {
			fmt.Fprintf(&b, "tags = [\"%s\"]\n", tag)
		}
	}
	return b.String(), nil
}

// ownKeys are the entries of wallets that the paired offline half holds.
func (r *request) ownKeys() (map[string]bool, error) {
	wallets, err := r.Store.Wallets(r.Context())
	own := map[string]bool{}
	for _, w := range wallets[:min(len(wallets), maxWallets)] {
		if n, ok := r.networkOf(w.Chain, w.Testnet); ok && w.Signer == "" {
			for _, a := range r.addresses(w, n, 0) {
				own[string(n.ID)+" "+a] = true
			}
		}
	}
	return own, err
}

const wordCure = "write 1 to 64 printable ASCII characters without quotation mark or backslash, no space at the ends, neither any nor tag:"

// bookWord reports whether the offline half takes the text as a name, as it stands
// between quotation marks: its files have no escapes.
func bookWord(s string) bool {
	return s != "" && len(s) <= 64 && quote.Plain(s) && !strings.ContainsAny(s, "\"\\") && strings.TrimSpace(s) == s
}
