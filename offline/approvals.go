package main

import (
	"crypto/sha256"
	"slices"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/policy"
	"coldsign/offline/internal/review"
	"coldsign/shared/bundle"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

// operators gives the people of a policy.
func operators(p policy.Policy) ([]approve.Operator, error) {
	list := make([]approve.Operator, len(p.Operators))
	for i, o := range p.Operators {
		key, err := approve.ParseKey(o.Key)
		if err != nil {
			return nil, err
		}
		list[i] = approve.Operator{Name: o.Name, Key: key, Roles: o.Roles}
	}
	return list, nil
}

// statement is what an operator signs to approve a batch, but for its end.
func (s *session) statement(batch *review.Batch, shown []byte) (approve.Statement, error) {
	p, err := s.policy()
	d, _ := s.ks.Document("policy")
	names, _ := s.ks.Document("book")
	tokens, _ := s.ks.Document("tokens")
	return approve.Statement{
		Device: bundle.IDOf(s.ks.Device().Public()).String(), Bundle: batch.Digest, Words: review.Words(batch.Digest),
		Sequence: batch.Header.Sequence, Verdicts: [32]byte(shown[len(batch.Digest):]),
		Rehearsal: s.ks.Rehearsal(), Policy: p.Name, Version: p.Version, Rules: d.Digest, Book: names.Digest, Tokens: tokens.Digest, Totals: batch.TotalLines(),
	}, err
}

// gather reads the approvals that --approval names, of what has the digest. read
// gives what a file's signature is made of, and where it is.
func (s *session) gather(digest [32]byte, read func(file string) (message []byte, signature string, err error)) (approve.Approval, error) {
	a := approve.About(digest)
	p, err := s.policy()
	if err != nil {
		return approve.Approval{}, err
	}
	people, err := operators(p)
	if err != nil {
		return approve.Approval{}, err
	}
	for _, file := range s.opt.approval {
		message, signature, err := read(file)
		if err != nil {
			return approve.Approval{}, err
		}
		sig, err := durable.Read(signature, approve.MaxSignature)
		if err != nil {
			return approve.Approval{}, err
		}
		o, err := approve.Who(people, message, sig)
		if err == nil {
			err = a.Add(o)
		}
		if err != nil {
			return approve.Approval{}, fault.New(fault.Code(err), "", "%q: %w", file, err)
		}
	}
	return a, nil
}

// latest is the latest time that this machine has ever told.
func (s *session) latest() int64 {
	now := s.now().Unix()
	for _, e := range s.j.Entries() {
		now = max(now, e.Time)
	}
	return now
}

// quorum gathers the approvals of a batch. An approval ends by the latest time that
// the journal knows: a clock that is set back revives none.
func (s *session) quorum(want approve.Statement) (approve.Approval, error) {
	now, first := s.latest(), int64(0)
	a, err := s.gather(want.Bundle, func(file string) ([]byte, string, error) {
		text, err := durable.Read(file, approve.MaxStatement)
		if err == nil {
			var end int64
			end, err = want.Check(text, now)
			if first == 0 || end < first {
				first = end
			}
		}
		return text, file + ".minisig", err
	})
	a.Ends = first
	return a, err
}

// approved stops where a request would be signed that too few operators approved.
func approved(batch *review.Batch, a approve.Approval) error {
	for i := range batch.Items {
		it := &batch.Items[i]
		if !it.Verdict.Allow || it.Repeat {
			continue
		}
		if len(it.Verdict.Needs) == 0 {
			continue
		}
		if err := a.Meets(it.Verdict.Needs, it.Request.Requester); err != nil {
			return fault.New(fault.Code(err), "have others approve the batch and give --approval FILE, or --refuse the request", "request %s: %s", it.Request.ID, what(err))
		}
	}
	return nil
}

// changeable asks whether a new document has the approvals that the policy in force
// wants, and gives those who approved.
func (s *session) changeable(raw []byte) ([]journal.Approver, error) {
	p, err := s.policy()
	if err == nil {
		err = s.current(raw)
	}
	if err != nil {
		return nil, err
	}
	a, err := s.gather(sha256.Sum256(raw), func(file string) ([]byte, string, error) { return raw, file, nil })
	if err == nil {
		err = a.Meets([]approve.Need{{Count: p.Change, Role: policy.RolePolicy}}, "")
	}
	if fault.Is(err, "approve.missing") {
		err = fault.New("approve.missing", "have operators sign the file (minisign -Sm FILE) and give --approval FILE.minisig", "%s", what(err))
	}
	return approvers(a), err
}

// approvers is what the journal keeps of an approval.
func approvers(a approve.Approval) (list []journal.Approver) {
	for _, o := range a.By() {
		list = append(list, journal.Approver{Name: o.Name, Key: o.Key.String()})
	}
	return list
}

// approvalOf takes the approvals of a batch as it was shown, and marks what is refused.
func (s *session) approvalOf(batch *review.Batch) (shown []byte, a approve.Approval, err error) {
	shown = batch.Shown()
	want, err := s.statement(batch, shown)
	if err == nil && len(s.opt.refuse) > 0 {
		shown, want, err = s.refusing(batch, shown, want)
	}
	if err != nil {
		return nil, a, err
	}
	if !slices.ContainsFunc(batch.Items, func(it review.Item) bool { return !it.Repeat }) {
		return shown, approve.About(batch.Digest), nil // decided before: the same answer again needs nobody
	}
	if a, err = s.quorum(want); err != nil {
		return nil, a, err
	}
	return shown, a, approved(batch, a)
}

// refusing marks what --refuse names, whose share of a limit others may now take. What
// fits only so is signed if it was shown so, or will be; else it stays as it was shown
// and approved: put off.
func (s *session) refusing(batch *review.Batch, shown []byte, want approve.Statement) ([]byte, approve.Statement, error) {
	if err := s.refuseNamed(batch); err != nil {
		return nil, want, err
	}
	r, err := s.reviewer()
	if err != nil {
		return nil, want, err
	}
	more, undo := r.Again(batch)
	if now := batch.Shown(); s.j.Shown(now) || len(more) > 0 && s.opt.approve == "" && len(s.opt.approval) == 0 {
		want, err = s.statement(batch, now)
		return now, want, err
	}
	undo()
	return shown, want, nil
}

// refuseFirst marks what --refuse names before a review is shown.
func (s *session) refuseFirst(batch *review.Batch) error {
	if len(s.opt.refuse) == 0 {
		return nil
	}
	r, err := s.reviewer()
	if err == nil {
		err = s.refuseNamed(batch)
	}
	if err == nil {
		r.Again(batch)
	}
	return err
}

// refuseNamed marks the requests that --refuse names.
func (s *session) refuseNamed(batch *review.Batch) error {
	for _, text := range s.opt.refuse {
		id, err := bundle.ParseID(text)
		if err != nil {
			return err
		}
		found := false
		for i := range batch.Items {
			if batch.Items[i].Request.ID == id {
				if !batch.Items[i].Refuse() {
					return fault.New("request.decided", "leave --refuse away", "request %s was decided before, and that stands", id)
				}
				found = true
			}
		}
		if !found {
			return fault.New("request.missing", "see the review for the ids", "no request %s in this bundle", id)
		}
	}
	return nil
}
