package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/console"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/memory"
	"coldsign/offline/internal/review"
	"coldsign/shared/bundle"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

// received opens a request bundle: verified, meant for us, in its place.
func (s *session) received(m frame.Message) (b *bundle.Bundle, entry journal.Entry, repeat bool, err error) {
	peer, err := s.peer()
	if err != nil {
		return nil, entry, false, err
	}
	raw, err := m.Bundle()
	if err != nil {
		return nil, entry, false, err
	}
	if b, err = bundle.Open(raw, peer); err != nil {
		return nil, entry, false, err
	}
	if err = b.Mark(s.ks.Rehearsal()); err != nil {
		return nil, entry, false, err
	}
	if err = b.For(bundle.Requests, bundle.IDOf(s.ks.Device().Public())); err != nil {
		return nil, entry, false, err
	}
	if entry, repeat = s.j.Answered(b.Digest()); repeat {
		return b, entry, true, nil
	}
	// Before its place: a journal that went back may see a gap or a fork in it.
	if err = s.j.Holds(b.Head); err != nil {
		return nil, entry, false, err
	}
	channel, known := s.j.In()
	if _, err = channel.Judge(b.Header, b.Digest(), known); err != nil {
		return nil, entry, false, err
	}
	return b, entry, false, nil
}

// batch explains a bundle. One that expired is taken all the same, or it would
// block those after it, but every request in it is put off.
func (s *session) batch(b *bundle.Bundle) (*review.Batch, error) {
	r, err := s.reviewer()
	if err == nil {
		err = s.ahead(b.Created)
	}
	if err != nil {
		return nil, err
	}
	batch, err := r.Batch(b)
	if err == nil {
		s.timely(batch)
	}
	return batch, err
}

// maxHold is how many seconds away the end of a bundle can be: what is asked today is
// not for another year.
const maxHold = 31 * 86400

// timely puts off what a bundle asks that is past its end, or has none that counts.
func (s *session) timely(batch *review.Batch) {
	now := s.now().Unix()
	switch h := batch.Header; {
	case h.Expires == 0:
	case now > h.Expires:
		batch.Defer("bundle.expired", "the bundle expired by this machine's clock; check the clock, or export again")
	case h.Expires > max(now, h.Created)+maxHold:
		batch.Defer("bundle.expires", "the bundle would hold for more than 31 days from now; export again with --expires of at most 744h")
	}
}

// still asks once more, right before anything is signed, for what an hour at the
// review may have changed: the machine, the clock, and what has ended since.
func (s *session) still(batch *review.Batch, a approve.Approval) error {
	p, err := s.policy()
	if err == nil {
		err = s.look()
	}
	if err == nil {
		err = s.clock(p)
	}
	if err == nil && a.Ends != 0 && a.Ends <= s.latest() {
		err = fault.New("approve.expired", "have it approved again", "an approval ended during the review")
	}
	s.timely(batch)
	batch.Overdue(s.now().Unix())
	return err
}

// show prints the review; under compat its first line says what that means.
func (s *session) show(batch *review.Batch, repeat bool) error {
	doc := struct {
		review.Document
		Waived    []string `json:"waived"`
		Rehearsal bool     `json:"rehearsal,omitempty"`
	}{batch.JSON(repeat, s.ks.Preset()), append([]string{}, s.waived.Words()...), s.ks.Rehearsal()}
	return s.print(doc, func(w io.Writer) error { return s.showText(w, batch, repeat) })
}

func (s *session) showText(w io.Writer, batch *review.Batch, repeat bool) error {
	for _, line := range s.lead(batch) {
		fmt.Fprintln(w, line)
	}
	if repeat {
		fmt.Fprintln(w, "REPEAT: this very bundle was answered before; signing it gives the same bytes again")
	}
	return batch.Print(w)
}

// lead is what a review says before anything else.
func (s *session) lead(batch *review.Batch) (lines []string) {
	lines = slices.Clone(s.loud)
	if s.ks.Preset() == "strict" {
		return lines
	}
	place := 0
	if s.ks.Rehearsal() {
		place = 1
	}
	return slices.Insert(lines, place, "WARNING: policy "+s.ks.Preset()+" is in force: claimed amounts and unexplained calls are signed")
}

// showFirst shows a review and notes in the journal that it was shown: an approval
// rests on this entry.
func (s *session) showFirst(batch *review.Batch, repeat bool) error {
	if err := s.show(batch, repeat); err != nil {
		return err
	}
	_, err := s.record(journal.Entry{Kind: journal.Seen, Data: batch.Shown()})
	return err
}

func (a *app) review() error {
	if err := a.opt.MustReceive(a.operand()); err != nil {
		return err
	}
	return a.withMessage(a.operand(), wanted, func(s *session, m frame.Message) error {
		if frame.IsBundle(m) != nil {
			return s.reviewForeign(m)
		}
		b, _, repeat, err := s.received(m)
		if err != nil {
			return err
		}
		batch, err := s.batch(b)
		if err == nil {
			err = s.refuseFirst(batch)
		}
		if err != nil {
			return err
		}
		return s.showFirst(batch, repeat)
	})
}

func (a *app) sign() error {
	if err := a.opt.MustReceive(a.operand()); err != nil {
		return err
	}
	if err := a.opt.MustSend(a.opt.json); err != nil {
		return err
	}
	if a.opt.fullScreen && a.opt.approve != "" {
		return cli.Usagef("give either --full-screen or --approve")
	}
	return a.withMessage(a.operand(), wanted, func(s *session, m frame.Message) error {
		if frame.IsBundle(m) != nil {
			return s.signForeign(m)
		}
		b, entry, repeat, err := s.received(m)
		if err != nil {
			return err
		}
		if err := a.opt.Writable(); err != nil {
			return err
		}
		if repeat {
			return s.repeat(b, entry)
		}
		batch, err := s.batch(b)
		if err != nil {
			return err
		}
		shown, a, err := s.approvalOf(batch)
		if err != nil {
			return err
		}
		if err := s.approve(batch, shown); err != nil {
			return err
		}
		return s.decide(b, batch, a)
	})
}

// approve binds a person's yes to the digest of the bytes that were read, and to
// a review that showed these very verdicts: the digest alone is known to the
// online half too.
func (s *session) approve(batch *review.Batch, shown []byte) error {
	if batch.Undecided() && s.opt.approve == "" {
		return nil // everything is put off: nothing to say yes or no to
	}
	if s.opt.fullScreen && s.opt.approve == "" && s.con.Terminal() {
		return s.atDesk(batch)
	}
	yes, typed, err := s.agrees(batch, shown, "\nto sign, type the first two words of the batch digest\nto refuse everything, type refuse\nanything else stops: ")
	switch {
	case err != nil:
		return err
	case yes:
		return nil
	case console.Same(typed, "refuse"):
		for i := range batch.Items {
			batch.Items[i].Refuse()
		}
		return nil
	}
	return fault.New("approve.stopped", "nothing was signed and nothing was written", "not approved")
}

// agrees asks a person, or takes --approve for a yes; else it gives what was typed.
func (s *session) agrees(batch *review.Batch, shown []byte, question string) (yes bool, typed string, err error) {
	digest := hex.EncodeToString(batch.Digest[:])
	if s.opt.approve != "" {
		if !strings.EqualFold(s.opt.approve, digest) {
			return false, "", fault.New("approve.digest", "review the bundle and give its digest", "the digest given is not that of this bundle, %s", digest)
		}
		if !s.j.Shown(shown) {
			return false, "", fault.New("approve.unseen", "run \"coldsign-offline review\" on it, read it, and approve then", "nobody was shown this bundle with the verdicts it has now")
		}
		return true, "", nil
	}
	if !s.con.Terminal() {
		return false, "", fault.New("approve.terminal", "review the bundle, then run again with --approve DIGEST", "there is no terminal to ask on")
	}
	if err := s.showText(s.con.Err, batch, false); err != nil {
		return false, "", err
	}
	if _, err := s.record(journal.Entry{Kind: journal.Seen, Data: batch.Shown()}); err != nil {
		return false, "", err
	}
	memory.Collect() // a person may take an hour
	first := strings.Join(strings.Fields(review.Words(batch.Digest))[:2], " ")
	typed, err = s.con.Ask(question)
	return err == nil && console.Same(typed, first), typed, err
}

// decide makes the receipts, writes the decision to the journal, and only then
// lets a signature out.
func (s *session) decide(b *bundle.Bundle, batch *review.Batch, a approve.Approval) error {
	if !a.Covers(batch.Digest) {
		return fault.New("approve.missing", "", "nobody approved this batch")
	}
	if err := s.still(batch, a); err != nil {
		return err
	}
	receipts := batch.Sign(s.waived)
	place := s.next()
	signing := s.decisions(batch, receipts)
	raw, err := s.seal(b, place, s.j.Last(), receipts)
	if err != nil {
		return err
	}
	place.Digest = sha256.Sum256(raw)
	if _, err := s.record(journal.Entry{Kind: journal.Decided, Out: place, Sign: signing, Approved: approvers(a)}); err != nil {
		return err
	}
	if err := s.keep(place.Sequence, raw); err != nil {
		return err
	}
	return s.deliver(raw, signing, false)
}

// decisions is what the journal keeps of receipts.
func (s *session) decisions(batch *review.Batch, receipts []bundle.Receipt) *journal.Signing {
	n := len(receipts)
	d := &journal.Signing{Bundle: batch.Digest, Sequence: batch.Header.Sequence, Decisions: make([]journal.Decision, n), Waived: s.waived,
		Created: batch.Header.Created, By: make([]string, n), Spent: spent(batch, receipts)}
	if d.Created == 0 {
		_, d.Created = s.past()
	}
	for i, r := range receipts {
		d.Decisions[i] = journal.Decision{ID: r.ID, Digest: r.Digest, Status: r.Status, Code: r.Code, Reason: r.Reason, By: r.Policy}
		d.By[i] = r.Policy
	}
	return d
}

// seal makes the answer. It is deterministic: the journal entry and the request
// bundle are enough to make the same bytes again.
func (s *session) seal(b *bundle.Bundle, place *journal.Channel, head bundle.Head, receipts []bundle.Receipt) ([]byte, error) {
	items := make([][]byte, len(receipts))
	errs := make([]error, len(receipts))
	review.Parallel(len(receipts), 64, func(i int) { items[i], errs[i] = bundle.EncodeItem(receipts[i]) })
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return bundle.Seal(bundle.Header{
		Kind: bundle.Receipts, Recipient: b.Sender, Sequence: place.Sequence,
		Previous: place.Previous, Created: place.Created, Answers: b.Digest(), Head: head, Rehearsal: s.ks.Rehearsal(),
	}, items, s.ks.Device())
}

// repeat answers a bundle that was decided before. The decisions stand: flags
// that ask for others are refused, not passed over.
func (s *session) repeat(b *bundle.Bundle, e journal.Entry) error {
	digest := b.Digest()
	if s.opt.approve != "" && !strings.EqualFold(s.opt.approve, hex.EncodeToString(digest[:])) {
		return fault.New("approve.digest", "review the bundle and give its digest", "the digest given is not that of this bundle, %x", digest)
	}
	if len(s.opt.refuse) > 0 {
		return fault.New("request.decided", "leave --refuse away", "this bundle was decided before, and that stands")
	}
	return s.again(b, e)
}

// again gives the answer to a bundle that was decided before: the same bytes.
func (s *session) again(b *bundle.Bundle, e journal.Entry) error {
	raw, err := durable.Read(s.sent(e.Out.Sequence), bundle.MaxFile)
	if err == nil && sha256.Sum256(raw) == e.Out.Digest {
		return s.deliver(raw, e.Sign, true)
	}
	// Lost or spoilt: made again, with what was waived then; what is waived now is said
	// on the screen only, since the answer and the journal stay as they are.
	if err := s.look(); err != nil {
		return err
	}
	batch, err := s.batch(b)
	if err != nil {
		return err
	}
	if len(batch.Items) != len(e.Sign.Decisions) {
		return fault.New("journal.conflict", "", "the journal decided %d requests, the bundle holds %d", len(e.Sign.Decisions), len(batch.Items))
	}
	for i := range batch.Items {
		batch.Items[i].Decided(e.Sign.Decisions[i])
	}
	receipts := batch.Sign(e.Sign.Waived)
	for i, d := range e.Sign.Decisions {
		if r := receipts[i]; r.ID != d.ID || r.Digest != d.Digest || r.Status != d.Status {
			return fault.New("journal.conflict", "if its wallet was removed, import it again under the same --id", "request %s can no longer be answered as it was decided", d.ID)
		}
	}
	// Before there were heads, none was told.
	for _, head := range []bundle.Head{e.Before(), {}} {
		if raw, err = s.seal(b, e.Out, head, receipts); err != nil {
			return err
		}
		if sha256.Sum256(raw) == e.Out.Digest {
			break
		}
	}
	if sha256.Sum256(raw) != e.Out.Digest {
		return fault.New("journal.conflict", "", "the answer made again is not the one that was made")
	}
	if err := s.keep(e.Out.Sequence, raw); err != nil {
		return err
	}
	return s.deliver(raw, e.Sign, true)
}

// itemResult is the fate of one request, for --json.
type itemResult struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	Policy string `json:"policy,omitempty"` // and its version and rules, as the receipt has it
}

// deliver writes the answer where it was asked for and says what is in it.
func (s *session) deliver(raw []byte, d *journal.Signing, repeat bool) error {
	if err := s.send(raw); err != nil {
		return err
	}
	return s.told(d, repeat)
}

// told says what became of each request.
func (s *session) told(d *journal.Signing, repeat bool) error {
	var signed, refused, deferred int
	items := make([]itemResult, len(d.Decisions))
	for i, x := range d.Decisions {
		items[i] = itemResult{ID: x.ID.String(), Status: x.Status.String(), Code: x.Code, Reason: x.Reason, Policy: x.By}
		switch x.Status {
		case bundle.Signed:
			signed++
		case bundle.Deferred:
			deferred++
		default:
			refused++
		}
	}
	if !s.opt.Printed() {
		err := s.print(map[string]any{
			"out": s.opt.Where(), "digest": hex.EncodeToString(d.Bundle[:]), "signed": signed, "refused": refused, "deferred": deferred,
			"repeat": repeat, "items": items, "waived": append([]string{}, d.Waived.Words()...),
		}, func(w io.Writer) error {
			if repeat {
				fmt.Fprintln(w, "REPEAT: answered before; the same bytes again")
			}
			for _, it := range items {
				if it.Code != "" {
					fmt.Fprintf(w, "%-8s %s  %s: %s\n", it.Status, it.ID, it.Code, it.Reason)
				}
			}
			_, err := fmt.Fprintf(w, "signed %d, refused %d%s\n", signed, refused, putOff(deferred))
			return err
		})
		if err != nil {
			return err
		}
	}
	if signed == 0 {
		return fault.New("sign.refused", "the answer file tells the online half", "no request was signed: %s: %s", d.Decisions[0].Code, d.Decisions[0].Reason)
	}
	return nil
}

func putOff(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", put off %d", n)
}

// resend writes a bundle that went to the online half once more: the file may
// have been lost on the way.
func (a *app) resend() error {
	n, err := strconv.ParseUint(a.args[0], 10, 63)
	if err != nil {
		return cli.Usagef("give the number of a bundle and --out FILE")
	}
	if err := a.opt.MustSend(a.opt.json); err != nil {
		return err
	}
	return a.with(func(s *session) error {
		e, ok := s.j.Sent(n)
		if !ok {
			return fault.New("sent.missing", "", "no bundle %d has been made for the online half since the pairing", n)
		}
		raw, err := durable.Read(s.sent(n), bundle.MaxFile)
		if err != nil || sha256.Sum256(raw) != e.Out.Digest {
			raw, err = s.keysAgain(e)
		}
		if err != nil {
			return err
		}
		if raw == nil {
			return fault.New("sent.missing", "run \"sign\" again with the bundle that it answers", "bundle %d is not kept here as it was made", n)
		}
		if err := s.send(raw); err != nil || s.opt.Printed() {
			return err
		}
		return s.say(map[string]any{"out": s.opt.Where(), "sequence": n}, "wrote bundle %d again\n", n)
	})
}
