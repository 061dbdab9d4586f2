package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"coldsign/online/internal/broadcast"
	"coldsign/online/internal/config"
	"coldsign/online/internal/courier"
	"coldsign/online/internal/store"
	"coldsign/shared/chain/registry"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// where is the database of the installation. A password on the command line is
// used, and complained of: whoever is on this machine can read it there.
func (a *app) where(c config.Config) string {
	a.complain(a.opt.database)
	return cmp.Or(a.opt.database, c.Database, filepath.Join(a.opt.home, "coldsign.db"))
}

func (a *app) complain(where string) {
	u, err := url.Parse(where)
	if err != nil || !store.IsURL(where) {
		return
	}
	if _, set := u.User.Password(); set || u.Query().Has("password") {
		fmt.Fprintln(a.err, "warning: others on this machine can read the password of the database; give it by database_password_file in config.toml, or by PGPASSFILE")
	}
}

// replicate makes this process a server of the database, until release: the only
// one of a file, one of several of PostgreSQL, which share the broadcasting.
func (h *home) replicate(loop *broadcast.Loop, log *slog.Logger) (release func(), err error) {
	free, err := h.store.Serve(store.WithActor(h.ctx, "server"))
	if err != nil {
		return nil, err
	}
	replica := h.store.Replica()
	ctx, cancel := context.WithCancel(h.ctx)
	loop.Store, loop.Wake = replica, h.store.Wake(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		replica.Run(ctx, func(err error) { log.Error("cannot renew what this server broadcasts", "error", err) })
	}()
	return func() { cancel(); <-ended; free() }, nil
}

func (a *app) configuration() (config.Config, error) {
	path := a.opt.config
	if path == "" {
		path = filepath.Join(a.opt.home, "config.toml")
	} else if _, err := os.Stat(path); err != nil {
		return config.Config{}, fault.New("config.read", "check the name", "no configuration file %q", path)
	}
	c, err := config.LoadWith(path, a.env("CREDENTIALS_DIRECTORY"), a.chain.All())
	if err == nil {
		a.chain = registry.New(c.Added...)
	}
	return c, err
}

// migrate moves an installation to PostgreSQL. It needs neither the device key nor
// the other settings.
func (a *app) migrate() error {
	if a.opt.from == "" || a.opt.to == "" {
		return cli.Usagef("give --from FILE.db and --to postgres://USER@HOST/NAME")
	}
	if store.IsURL(a.opt.from) || !store.IsURL(a.opt.to) {
		return cli.Usagef("--from takes a file, and --to postgres://USER@HOST/NAME")
	}
	c, err := a.configuration()
	if err != nil {
		return err
	}
	if _, err := os.Stat(a.opt.from); err != nil { // opening would make one
		return fault.New("file.read", "check the name", "no database %q", a.opt.from)
	}
	a.complain(a.opt.to)
	ctx := store.WithActor(a.ctx, "operator")
	from, err := store.Open(ctx, a.opt.from, a.now)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := store.OpenWith(ctx, a.opt.to, c.DatabasePassword.Reveal(), a.now)
	if err != nil {
		return err
	}
	defer to.Close()
	list, err := store.Transfer(ctx, from, to)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"moved": true, "tables": list}, func(w io.Writer) error {
		for _, t := range list {
			fmt.Fprintf(w, "%-14s %8d rows  %s\n", t.Name, t.Rows, t.SHA256)
		}
		_, err := fmt.Fprintf(w, "moved: numbers and hashes of all rows are the same on both sides\nnow set the database in config.toml; %q is kept, and is not used any more\n", a.opt.from)
		return err
	})
}

// adopt makes the database that is here the installation.
func (a *app) adopt() error {
	return a.with(func(h *home) error {
		done, err := h.store.Adopt(store.WithActor(h.ctx, "operator"), h.opt.moved)
		if err != nil {
			return err
		}
		text := "there is nothing to adopt: the database is in its place\n"
		if done {
			text = "adopted: this is the installation now; see that the original is never used again\n"
		}
		return h.say(map[string]any{"adopted": done}, "%s", text)
	})
}

// backup copies the database while servers work on. The device key and config.toml
// stay what they are from the first day: they are copied once.
func (a *app) backup() error {
	if a.opt.Out == "" || a.opt.Out == "-" {
		return cli.Usagef("give --out FILE, a new name")
	}
	return a.with(func(h *home) error {
		if err := h.store.Backup(h.ctx, h.opt.Out); err != nil {
			return err
		}
		return h.say(map[string]any{"out": h.opt.Out}, "copied and checked: %s\n", quote.Line(h.opt.Out))
	})
}

// restore makes the database of a backup. A new device key goes with it: nobody knows
// which bundles the old one sent since the backup was made.
func (a *app) restore() error {
	c, err := a.configuration()
	if err != nil {
		return err
	}
	where := a.where(c)
	if store.IsURL(where) {
		return fault.New("store.backup", "use the server's own tools, then pair again", "a database server is not restored from a file")
	}
	if err := os.MkdirAll(a.opt.home, 0o700); err != nil {
		return fault.New("file.write", "", "cannot make the home %q", a.opt.home)
	}
	if err := store.Restore(store.WithActor(a.ctx, "operator"), a.args[0], where, a.now); err != nil {
		return err
	}
	kept, err := courier.RetireDevice(a.opt.home, a.now())
	if err != nil {
		return err
	}
	return a.say(map[string]any{"restored": where, "oldDeviceKey": kept},
		"restored: %s\nNow pair both halves again, with --replace on the offline one, then export: what was paid since the backup was made gets the same signatures, and is found on its chain.\n", quote.Line(where))
}
