package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"coldsign/scripts/rig"
)

// application marks a database file as Coldsign's (online/internal/store/SCHEMA.md).
const application = 0x434f4c44

// steps reads the released steps of the schema.
func steps() (list []string, err error) {
	root, err := rig.Root()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, "online/internal/store/migrations/*.sql"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		list = append(list, string(text))
	}
	return list, nil
}

// aged makes a database of an earlier schema, with one API key in it.
func aged(ctx context.Context, file string, steps []string) error {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(wal)")
	if err != nil {
		return err
	}
	defer db.Close()
	mark := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application, len(steps))
	const key = "INSERT INTO api_keys (id, name, tenant, scopes, digest, created) VALUES ('0123456789abcdef', 'old', 'default', 'read', randomblob(32), 1)"
	for _, s := range slices.Concat(steps, []string{mark, key}) {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return os.Chmod(file, 0o600)
}

// migrated kills commands that bring an older database to the present schema (K13):
// it is of one schema or of the other, whole, and the next command ends it.
func (d *driver) migrated(ctx context.Context, times int) error {
	all, err := steps()
	if err != nil {
		return err
	}
	for met := 0; met < times; {
		from := 1 + rand.IntN(len(all)-1)
		name := d.file("old") + ".db"
		if err := aged(ctx, d.Path(name), all[:from]); err != nil {
			return err
		}
		look := func() error { _, err := d.Online(ctx, "apikey", "list", "--json", "--database", name); return err }
		call, n, path := "pwrite64", 1+rand.IntN(60), d.Path(name+"-wal")
		switch rand.IntN(4) {
		case 0:
			call, n, path = "fsync", 1+rand.IntN(6), ""
		case 1: // the copy that is kept of the old one
			call, n, path = []string{"renameat", "pwrite64"}[rand.IntN(2)], 1, ""
		}
		hit, err := d.killed(call, n, path, look)
		if err != nil {
			return err
		}
		if hit {
			met++
			d.met("K13")
		}
		version, err := schema(ctx, d.Path(name))
		if err != nil || version != from && version != len(all) {
			d.breakf("%s: of schema %d after a kill, was %d: %v", name, version, from, err)
			return nil
		}
		var keys []struct{ ID string }
		out, err := d.Online(ctx, "apikey", "list", "--json", "--database", name)
		if err == nil {
			err = json.Unmarshal(out, &keys)
		}
		if err != nil || len(keys) != 1 || keys[0].ID != "0123456789abcdef" {
			d.breakf("%s: %v, %q", name, err, out)
		}
		if version, err = schema(ctx, d.Path(name)); err != nil || version != len(all) {
			d.breakf("%s: of schema %d in the end: %v", name, version, err)
		}
		files, _ := filepath.Glob(d.Path(name) + "*")
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// schema reads the version of a database that is whole.
func schema(ctx context.Context, file string) (version int, err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		return 0, fmt.Errorf("%s %w", verdict, err)
	}
	return version, db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
}
