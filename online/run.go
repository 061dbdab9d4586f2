package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"coldsign/online/internal/config"
	"coldsign/online/internal/courier"
	"coldsign/online/internal/failpoint"
	"coldsign/online/internal/store"
	"coldsign/shared/chain/registry"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/link"
)

const usage = `coldsign-online: the list of pending transactions, and what becomes of them

  serve [--listen 127.0.0.1:8190] [--metrics 127.0.0.1:9190] [--database FILE.db|postgres://...] [--config FILE.toml]
  pair --out FILE | pair --in FILE [--confirm "six words"] [--replace]
  keys import FILE                              public keys from the offline half
  apikey create --name N --scope submit,read,complete,webhook,admin [--tenant T] [--until 2027-01-31] [--out FILE]
  apikey list | apikey revoke ID
  webhook add --type KMS_COMPLETED_TX|KMS_FAILED_TX|KMS_REORGED_TX --url URL [--tenant T]     tell an application what became of payments
  webhook list | remove ID | test ID | retry [EVENT]         who is told, and what could not be told; try it, or send it again
  desk user add NAME --role viewer|submitter|operator|admin    somebody who may log in at http://localhost:8190/desk/; --listen as of serve
  desk user list | lock NAME | unlock NAME | reset NAME | remove NAME    a new role, a lock, a reset and a removal log the user out
  pending [--chain BTC] [--state S]
  export --out FILE [--chain BTC] [--id ID]... [--limit N] [--expires 72h] | export --bundle N --out FILE
  import FILE                                   the offline half's answers
  broadcast                                     resume whatever is signed and not yet complete
  replace ID [--fee N] [--force]                the same payment with a higher fee, as a request of its own
  requote ID... [--fee N] [--force]             the same payment with what the network wants now: too late, too cheap, or its nonce or input gone
  cancel ID [--fee N] [--force]                 end it; once a signature may exist, by a request that takes its place on chain
  lanes                                         nonces of EVM accounts: gaps, what is stuck, and the command that cures it
  doctor                                        what would stop payments, now or soon, and the cure
  upstream | upstream poll                      what the Tatum account of [upstream] wants and knows | ask it once now
  report --bundle N [--format csv|json|html] [--out FILE]    what became of a bundle, compared with the chain
  migrate --from FILE.db --to postgres://USER@HOST/NAME      move the whole installation to PostgreSQL
  backup --out FILE                             a copy of the database, made while the server runs
  restore FILE                                  a database of a backup, where there is none; pair again afterwards
  adopt [--moved]                               make a copied or restored database the installation
  version

Everywhere: --home DIR, --json, --database FILE.db | postgres://USER@HOST/NAME, --config FILE.toml.
--rehearsal, in a new home, makes one that pairs with an offline half of "init --rehearsal" alone, for ever.
FILE may be - for standard input or output.
` + link.Help + `
Exit status: 0 done, 1 refused or failed, 2 usage.
`

// app is one run of the program.
type app struct {
	ctx   context.Context
	in    *os.File
	out   io.Writer
	err   io.Writer
	now   func() time.Time
	chain *registry.Registry
	env   func(string) string
	notes link.Notes
	loud  string // said beside every result: that this is a rehearsal
	opt   options
	args  []string
}

type options struct {
	link.Ends
	home, database, config, listen, metrics, fee, chain, state, in, confirm, name, scope, tenant, from, to, role, kind, url, until string
	json, replace, testnet, rehearsal, moved, force                                                                                bool
	limit                                                                                                                          int
	bundle                                                                                                                         int64
	expires                                                                                                                        time.Duration
	ids                                                                                                                            cli.List
}

func everywhere(more ...string) []string {
	return append([]string{"home", "json", "database", "config", "rehearsal"}, more...)
}

func commands() []cli.Command[*app] {
	return []cli.Command[*app]{
		{Name: "serve", Flags: everywhere("listen", "metrics"), Do: (*app).serve},
		{Name: "pair", Flags: everywhere(link.OutFlags(link.InFlags("in", "confirm", "replace")...)...), Do: (*app).pair},
		{Name: "keys import", Flags: everywhere(link.InFlags("chain", "testnet")...), Max: 1, Do: (*app).keysImport},
		{Name: "apikey create", Flags: everywhere("name", "scope", "tenant", "until", "out"), Do: (*app).apikeyCreate},
		{Name: "apikey list", Flags: everywhere(), Do: (*app).apikeyList},
		{Name: "apikey revoke", Flags: everywhere(), Min: 1, Max: 1, Do: (*app).apikeyRevoke},
		{Name: "desk user add", Flags: everywhere("role", "listen"), Min: 1, Max: 1, Do: (*app).userAdd},
		{Name: "desk user list", Flags: everywhere(), Do: (*app).userList},
		{Name: "desk user lock", Flags: everywhere(), Min: 1, Max: 1, Do: (*app).userLock},
		{Name: "desk user unlock", Flags: everywhere(), Min: 1, Max: 1, Do: (*app).userUnlock},
		{Name: "desk user reset", Flags: everywhere("listen"), Min: 1, Max: 1, Do: (*app).userReset},
		{Name: "desk user remove", Flags: everywhere(), Min: 1, Max: 1, Do: (*app).userRemove},
		{Name: "webhook add", Flags: everywhere("type", "url", "tenant"), Do: (*app).webhookAdd},
		{Name: "webhook list", Flags: everywhere("tenant"), Do: (*app).webhookList},
		{Name: "webhook remove", Flags: everywhere("tenant"), Min: 1, Max: 1, Do: (*app).webhookRemove},
		{Name: "webhook test", Flags: everywhere("tenant"), Min: 1, Max: 1, Do: (*app).webhookTest},
		{Name: "webhook retry", Flags: everywhere("tenant"), Max: 1, Do: (*app).webhookRetry},
		{Name: "pending", Flags: everywhere("chain", "state", "limit"), Do: (*app).pending},
		{Name: "export", Flags: everywhere(link.OutFlags("chain", "id", "limit", "bundle", "expires")...), Do: (*app).export},
		{Name: "import", Flags: everywhere(link.InFlags()...), Max: 1, Do: (*app).importAnswers},
		{Name: "broadcast", Flags: everywhere(), Do: (*app).broadcast},
		{Name: "replace", Flags: everywhere("fee", "force"), Min: 1, Max: 1, Do: (*app).replace},
		{Name: "requote", Flags: everywhere("fee", "force"), Min: 1, Max: maxRequotes, Do: (*app).requote},
		{Name: "cancel", Flags: everywhere("fee", "force"), Min: 1, Max: 1, Do: (*app).cancel},
		{Name: "lanes", Flags: everywhere(), Do: (*app).lanes},
		{Name: "doctor", Flags: everywhere(), Do: (*app).doctor},
		{Name: "upstream", Flags: everywhere(), Do: (*app).upstream},
		{Name: "upstream poll", Flags: everywhere(), Do: (*app).upstreamPoll},
		{Name: "report", Flags: everywhere("bundle", "format", "out"), Do: (*app).report},
		{Name: "migrate", Flags: everywhere("from", "to"), Do: (*app).migrate},
		{Name: "backup", Flags: everywhere("out"), Do: (*app).backup},
		{Name: "restore", Flags: everywhere(), Min: 1, Max: 1, Do: (*app).restore},
		{Name: "adopt", Flags: everywhere("moved"), Do: (*app).adopt},
		{Name: "version", Flags: everywhere(), Do: (*app).version},
	}
}

// run is the whole program, for tests too.
func run(ctx context.Context, args []string, in *os.File, out, errOut io.Writer, env func(string) string) int {
	a := &app{ctx: ctx, in: in, out: cli.Stdout{Writer: out}, err: errOut, now: failpoint.Now, chain: registry.New(), env: env}
	if a.opt.home = env("COLDSIGN_HOME"); a.opt.home == "" {
		a.opt.home = filepath.Join(env("HOME"), ".coldsign", "online")
	}
	cmd, operands, err := cli.Match(args, commands(), a.define)
	a.args = operands
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, usage)
		return cli.OK
	}
	if err == nil {
		err = cmd.Do(a)
	}
	if err == nil && a.loud != "" {
		fmt.Fprintln(errOut, a.loud)
	}
	if err == nil {
		a.notes.Flush(errOut)
	}
	return cli.Report(errOut, err)
}

// define adds the flag with the given name to fs.
func (a *app) define(fs *flag.FlagSet, name string) {
	o := &a.opt
	text := map[string]*string{
		"home": &o.home, "database": &o.database, "config": &o.config, "listen": &o.listen, "metrics": &o.metrics, "fee": &o.fee, "chain": &o.chain, "state": &o.state,
		"in": &o.in, "confirm": &o.confirm, "name": &o.name, "scope": &o.scope, "tenant": &o.tenant,
		"from": &o.from, "to": &o.to, "role": &o.role, "type": &o.kind, "url": &o.url, "until": &o.until,
	}
	yes := map[string]*bool{"rehearsal": &o.rehearsal, "json": &o.json, "replace": &o.replace, "testnet": &o.testnet, "force": &o.force, "moved": &o.moved}
	switch {
	case o.Ends.Define(fs, name):
	case text[name] != nil:
		fs.StringVar(text[name], name, *text[name], "")
	case yes[name] != nil:
		fs.BoolVar(yes[name], name, false, "")
	case name == "limit":
		fs.IntVar(&o.limit, name, -1, "")
	case name == "bundle":
		fs.Int64Var(&o.bundle, name, -1, "")
	case name == "expires":
		fs.DurationVar(&o.expires, name, 72*time.Hour, "")
	case name == "id":
		fs.Var(&o.ids, name, "")
	}
}

// home is an open installation.
type home struct {
	*app
	store  *store.Store
	device *courier.Device
	config config.Config
}

// with opens the installation, makes it on first use, and runs f.
func (a *app) with(f func(*home) error) (err error) { return a.open(f, false) }

// look is with for what only reads: it opens a damaged database too, says so, and
// fails at the end.
func (a *app) look(f func(*home) error) (err error) { return a.open(f, true) }

func (a *app) open(f func(*home) error, reads bool) (err error) {
	h := &home{app: a}
	if _, err := os.Lstat(filepath.Join(a.opt.home, "keystore.age")); err == nil {
		return fault.New("home.offline", "give another --home", "%q is the home of an offline half", a.opt.home)
	}
	if err := os.MkdirAll(a.opt.home, 0o700); err != nil {
		return fault.New("file.write", "", "cannot make the home %q", a.opt.home)
	}
	if h.config, err = a.configuration(); err != nil {
		return err
	}
	if h.device, err = a.openDevice(h.config); err != nil {
		return err
	}
	where := a.where(h.config)
	h.store, err = store.OpenWith(a.ctx, where, h.config.DatabasePassword.Reveal(), a.now)
	if reads && fault.Is(err, "store.corrupt") {
		h.store, err = store.OpenDamaged(a.ctx, where, a.now, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.store.Close()) }()
	if err := h.store.KeepTime(a.ctx); err != nil {
		return err
	}
	a.now = h.store.Now
	h.store.SetQuota(h.config.Quota)
	h.store.SetHold(h.config.Wait)
	h.fourEyes(func(text string) { fmt.Fprintln(a.err, "warning: "+text) })
	if damage := h.store.Damaged(); damage != nil {
		return errors.Join(f(h), damage)
	}
	return f(h)
}

// print writes v as JSON, or calls text.
func (a *app) print(v any, text func(io.Writer) error) error {
	return cli.Print(a.out, a.opt.json, v, text)
}

// say prints a document or formatted text.
func (a *app) say(v any, format string, args ...any) error {
	return a.print(v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format, args...)
		return err
	})
}

// streams are those that a message comes and goes by. A scan that is cut short is
// kept in the home.
func (a *app) streams() link.Streams {
	s := link.Streams{In: a.in, Out: a.out, Err: a.err, Env: a.env, Notes: &a.notes}
	if _, err := os.Stat(a.opt.home); err == nil {
		s.State = filepath.Join(a.opt.home, "scan.state")
	}
	return s
}

// receive reads the message that an operand names, or codes in its place.
func (a *app) receive(operand string, wanted func(frame.Message) error) (frame.Message, error) {
	if err := a.opt.MustReceive(operand); err != nil {
		return frame.Message{}, err
	}
	return a.opt.Receive(a.ctx, a.streams(), operand, wanted)
}

// send gives a bundle out where it was asked for.
func (a *app) send(raw []byte) error {
	return a.opt.Send(a.ctx, a.streams(), frame.Message{Format: frame.Native, Data: raw})
}

// operand is the FILE of a command, or "" where codes stand in for it.
func (a *app) operand() string {
	if len(a.args) == 0 {
		return ""
	}
	return a.args[0]
}
