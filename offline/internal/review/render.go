package review

import (
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"coldsign/offline/internal/policy"
	"coldsign/shared/chain"
	"coldsign/shared/hd"
	"coldsign/shared/quote"
)

// DigestWords is how many words name a batch digest: 88 bits.
const DigestWords = 8

// Words names a batch digest in words.
func Words(digest [32]byte) string {
	return strings.Join(hd.Words(digest[:], DigestWords), " ")
}

// Print writes the review as a person reads it: what must be seen first stands
// first, addresses whole and in groups of four, one fact a line.
func (b *Batch) Print(w io.Writer) error {
	p := &printer{w: w}
	if b.From == "" {
		p.line("BATCH %d from the online half, %s, made %s", b.Header.Sequence, count(len(b.Items), "request"), when(b.Header.Created))
	} else {
		p.line("!! FROM ANOTHER WALLET (%s), %s: nobody vouches for who asks; compare every line with that wallet's screen", b.From, count(len(b.Items), "request"))
	}
	if b.Header.Expires != 0 {
		p.line("expires %s", when(b.Header.Expires))
	}
	p.line("")
	for i := range b.Items {
		p.item(i+1, len(b.Items), &b.Items[i])
	}
	for _, line := range b.TotalLines() {
		p.line("%s", line)
	}
	p.line("")
	p.line("BATCH DIGEST  %s", Words(b.Digest))
	p.line("              %s", hex.EncodeToString(b.Digest[:]))
	return p.err
}

// TotalLines are the totals as a person reads them: on the screen, and in what
// operators sign.
func (b *Batch) TotalLines() []string {
	sign, refuse := b.Counts()
	lines := []string{fmt.Sprintf("TOTALS of the %s that would be signed (%d refused)", count(sign, "request"), refuse)}
	for _, t := range b.Totals() {
		lines = append(lines, "  "+name(t.Asset))
		if t.Payments > 0 {
			lines = append(lines, fmt.Sprintf("    leaves   %s in %s to %s", units(t.Leaves, t.Asset), count(t.Payments, "payment"), count(t.Recipients, "recipient")))
		}
		if t.Back.Sign() > 0 {
			lines = append(lines, "    change   "+units(t.Back, t.Asset))
		}
		if t.Fee.Sign() > 0 {
			lines = append(lines, "    fees     at most "+units(t.Fee, t.Asset))
		}
	}
	return lines
}

type printer struct {
	w   io.Writer
	err error
}

// line writes one line, free of anything but printable ASCII.
func (p *printer) line(format string, args ...any) {
	if p.err != nil {
		return
	}
	s := fmt.Sprintf(format, args...)
	if !quote.Plain(s) {
		s = quote.String(s)
	}
	_, p.err = io.WriteString(p.w, s+"\n")
}

func (p *printer) item(i, n int, it *Item) {
	where := quote.Line(string(it.Request.Network))
	if it.Network.ID != "" {
		where = it.Chain + " " + it.Network.Name + " (" + string(it.Network.ID) + ")"
	}
	p.line("REQUEST %d of %d  %s  %s", i, n, it.Request.ID, where)
	if it.Network.ID != "" && it.Network.Testnet {
		p.line("  test network: these coins are worth nothing")
	}
	if it.Repeat {
		p.line("  REPEAT: decided before; the same answer is given again")
	}
	if !it.Verdict.Allow {
		word := "REFUSED"
		if it.Verdict.Later {
			word = "PUT OFF"
		}
		p.line("  !! %s  %s: %s", word, it.Verdict.Code, it.Verdict.Reason)
	}
	if it.tx == nil {
		p.note(it)
		p.line("")
		return
	}
	r := it.Review
	for _, w := range r.Warnings {
		p.line("  !! %s", w.Text)
	}
	if r.Unproven {
		p.line("  !! UNPROVEN: an input amount is only claimed; if it is a lie, the difference burns as fee")
	}
	for _, o := range r.Opaque {
		p.line("  !! CANNOT BE EXPLAINED  %s: %s", o.Code, o.What)
		p.line("     bytes    %s", o.Hex)
	}
	p.effects(it)
	p.fee(it)
	p.line("  until     %s", r.Deadline.Text)
	for _, s := range it.Signers {
		p.line("  signs     wallet %s", s)
	}
	p.note(it)
	p.line("  kind      %s", r.Kind)
	for _, d := range r.Details {
		p.line("    %s: %s", d.Name, d.Value)
	}
	if it.Verdict.Allow {
		p.line("  verdict   allowed: %s", it.Verdict.Rule)
		for _, n := range it.Verdict.Needs {
			p.line("  approval  by %d of role %s", n.Count, n.Role)
		}
	}
	p.line("")
}

func (p *printer) effects(it *Item) {
	for j, e := range it.Review.Effects {
		verb := "  LEAVES    "
		switch {
		case it.Own[j] != "":
			verb = "  change    "
		case e.Kind == chain.Create:
			verb = "  CREATES   "
		}
		p.line("%s%s", verb, chain.Units(e.Amount, e.Asset))
		if e.From != "" {
			p.line("    from    %s", Groups(e.From))
		}
		p.line("    to      %s", Groups(e.To))
		if it.Known[j] != "" {
			p.line("    known   as %s in the address book", quote.String(it.Known[j]))
		}
		if e.Asset.Symbol != "" && e.Asset.ID != string(it.Review.Network) {
			p.line("    token   %s", e.Asset.ID)
		}
		if e.Owner != "" {
			p.line("    owner   %s", Groups(e.Owner))
		}
		if it.Own[j] != "" {
			p.line("    proven  derived from our wallet %s", it.Own[j])
		}
		if e.Note != "" {
			p.line("    note    %s", e.Note)
		}
	}
}

func (p *printer) fee(it *Item) {
	f := it.Review.Fee
	s := "at most " + chain.Units(f.Amount, f.Asset)
	if base := policy.Moved(it.Review, func(i int) bool { return it.back[i] != "" }); base.Sign() > 0 {
		s += ", " + Percent(f.Amount, base) + " of the value moved"
	}
	if f.Rate != "" {
		s += ", " + f.Rate
	}
	p.line("  fee       %s", s)
}

func (p *printer) note(it *Item) {
	if it.Request.Requester != "" {
		p.line("  asked     by %s, says the online half", quote.String(it.Request.Requester))
	}
	if it.Request.Note != "" {
		p.line("  said      by the requester, unproven: %s", quote.String(it.Request.Note))
	}
	if it.Request.Deadline != 0 {
		p.line("  wanted    by %s, says the online half", when(it.Request.Deadline))
	}
}

// Percent gives a share with two decimals, rounded up, from integers alone.
func Percent(part, whole *big.Int) string {
	if whole.Sign() == 0 {
		return "-"
	}
	n := new(big.Int).Mul(part, big.NewInt(10_000))
	n.Add(n, new(big.Int).Sub(whole, big.NewInt(1))).Div(n, whole)
	return fmt.Sprintf("%d.%02d %%", new(big.Int).Div(n, big.NewInt(100)), new(big.Int).Mod(n, big.NewInt(100)))
}

// Groups sets a string in groups of four, so that an eye can compare it; a
// leading 0x stands apart.
func Groups(s string) string {
	if strings.ContainsAny(s, " ") {
		return s
	}
	var b strings.Builder
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		b.WriteString("0x ")
		s = rest
	}
	for i := 0; i < len(s); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s[i:min(i+4, len(s))])
	}
	return b.String()
}

// units shows an amount below a line that has named the asset.
func units(n *big.Int, a chain.Asset) string {
	if a.Symbol != "" {
		return chain.Units(n, a)
	}
	if a.Decimals <= 0 {
		return n.String() + " base units"
	}
	return chain.Decimal(n, a.Decimals) + " (" + n.String() + " base units)"
}

func name(a chain.Asset) string {
	if a.Symbol == "" || a.Symbol == a.ID {
		return a.ID
	}
	return a.Symbol + " (" + a.ID + ")"
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func when(unix int64) string {
	return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
