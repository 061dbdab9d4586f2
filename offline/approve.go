package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/review"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/hd"
	"coldsign/shared/quote"
)

// operatorOptions are the flags about operators.
type operatorOptions struct {
	approval                  cli.List
	operatorKey, operatorPass string
	expires                   time.Duration
}

// approveBatch writes the statement by which operators approve a bundle; with an
// operator's key it signs it too, once that person has read the review here.
func (a *app) approveBatch() error {
	if err := a.opt.MustReceive(a.operand()); err != nil {
		return err
	}
	if a.opt.Out == "" || a.opt.Out == "-" {
		return cli.Usagef("give --out FILE for the approval; its signature goes to FILE.minisig")
	}
	if a.opt.expires < time.Minute || a.opt.expires > approve.MaxLife*time.Second {
		return cli.Usagef("--expires is from 1m to %dh", approve.MaxLife/3600)
	}
	if a.opt.operatorKey == "" && (a.opt.operatorPass != "" || a.opt.approve != "") {
		return cli.Usagef("--operator-passphrase-file and --approve go with --operator-key")
	}
	return a.withMessage(a.operand(), wanted, func(s *session, m frame.Message) error {
		batch, err := s.undecided(m)
		if err == nil {
			err = s.refuseFirst(batch)
		}
		if err != nil {
			return err
		}
		for _, name := range []string{s.opt.Out, s.opt.Out + ".minisig"} {
			if err := durable.Writable(name); err != nil {
				return err
			}
		}
		return s.approveShown(batch)
	})
}

// undecided reads what can still be approved.
func (s *session) undecided(m frame.Message) (*review.Batch, error) {
	if frame.IsBundle(m) != nil {
		f, err := s.foreign(m)
		if err != nil {
			return nil, err
		}
		return s.explain(f)
	}
	b, _, repeat, err := s.received(m)
	if err != nil {
		return nil, err
	}
	if repeat {
		return nil, fault.New("request.decided", "run \"sign\" for the same answer again", "this bundle was decided before, and that stands")
	}
	return s.batch(b)
}

// approveShown shows the review, then writes what was asked for.
func (s *session) approveShown(batch *review.Batch) error {
	p, err := s.policy()
	if err != nil {
		return err
	}
	people, err := operators(p)
	if err == nil && len(people) == 0 {
		err = fault.New("approve.operators", "put one in force: \"policy set FILE\"", "the policy in force names no operators")
	}
	if err != nil {
		return err
	}
	shown := batch.Shown()
	statement, err := s.statement(batch, shown)
	if err != nil {
		return err
	}
	statement.Expires = s.latest() + int64(s.opt.expires/time.Second)
	var by approve.Operator
	var sig []byte
	if s.opt.operatorKey == "" {
		err = s.seen(batch)
	} else {
		by, sig, err = s.signApproval(batch, shown, statement, people)
	}
	if err != nil {
		return err
	}
	if err := durable.Write(s.opt.Out, statement.Text()); err != nil {
		return err
	}
	if sig != nil {
		if err := durable.Write(s.opt.Out+".minisig", sig); err != nil {
			return err
		}
	}
	return s.print(map[string]any{
		"out": s.opt.Out, "expires": statement.Expires, "statement": string(statement.Text()), "operator": by.Name, "review": batch.JSON(false, s.ks.Preset()),
	}, func(w io.Writer) error {
		fmt.Fprintf(w, "wrote %s, which ends %s\n", quote.Line(s.opt.Out), time.Unix(statement.Expires, 0).UTC().Format(time.RFC3339))
		if sig != nil {
			_, err := fmt.Fprintf(w, "approved by %s: %s\n", quote.Line(by.Name), quote.Line(s.opt.Out+".minisig"))
			return err
		}
		_, err := fmt.Fprintf(w, "each operator signs it: minisign -Sm %s\n", quote.Line(s.opt.Out))
		return err
	})
}

// seen shows the review, but where the result holds it, and notes that it was shown.
func (s *session) seen(batch *review.Batch) error {
	if !s.opt.json {
		return s.showFirst(batch, false)
	}
	_, err := s.record(journal.Entry{Kind: journal.Seen, Data: batch.Shown()})
	return err
}

// signApproval signs a statement with an operator's key: a yes at this console,
// which is asked for as signing asks.
func (s *session) signApproval(batch *review.Batch, shown []byte, statement approve.Statement, people []approve.Operator) (approve.Operator, []byte, error) {
	var none approve.Operator
	file, err := durable.Read(s.opt.operatorKey, approve.MaxKeyFile)
	if err != nil {
		return none, nil, err
	}
	yes, _, err := s.agrees(batch, shown, "\nto approve, type the first two words of the batch digest\nanything else stops: ")
	if err == nil && !yes {
		err = fault.New("approve.stopped", "nothing was approved and nothing was written", "not approved")
	}
	if err != nil {
		return none, nil, err
	}
	pass, err := s.con.Passphrase("passphrase of the operator's key", s.opt.operatorPass, false)
	if err != nil {
		return none, nil, err
	}
	defer s.con.Wipe()
	text := statement.Text()
	sig, _, err := approve.Sign(file, pass, text, s.now().Unix())
	debug.FreeOSMemory() // scrypt has just used 1 GiB
	if err != nil {
		return none, nil, err
	}
	by, err := approve.Who(people, text, sig)
	if err != nil {
		return none, nil, err
	}
	_, err = s.record(journal.Entry{Kind: journal.Seen, Data: shown, Approved: []journal.Approver{{Name: by.Name, Key: by.Key.String()}}})
	return by, sig, err
}

// operatorNew makes an operator's key pair. It needs no home: an operator's machine
// may have none.
func (a *app) operatorNew() error {
	if a.opt.Out == "" || a.opt.Out == "-" {
		return cli.Usagef("give --out KEYFILE for the secret key")
	}
	if err := a.guard(); err != nil {
		return err
	}
	if err := a.powerOn(); err != nil {
		return err
	}
	if _, err := os.Lstat(a.opt.Out); !errors.Is(err, fs.ErrNotExist) {
		return fault.New("operator.exists", "give another name", "%q is in the way", a.opt.Out)
	}
	if err := durable.Writable(a.opt.Out); err != nil {
		return err
	}
	pass, err := a.con.Passphrase("passphrase", a.opt.operatorPass, true)
	if err != nil {
		return err
	}
	defer a.con.Wipe()
	file, key, err := approve.NewKey(hd.NewSource(), pass)
	if err != nil {
		return err
	}
	if err := durable.Write(a.opt.Out, file); err != nil {
		return err
	}
	return a.say(map[string]any{"out": a.opt.Out, "key": key.String(), "id": key.ID()}, "wrote %s\nkey %s\nid  %s\n", quote.Line(a.opt.Out), key, key.ID())
}
