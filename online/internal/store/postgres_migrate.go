package store

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"

	"coldsign/shared/fault"
)

//go:embed migrations/postgres/0003_initial.sql
var postgresInitial string

//go:embed migrations/postgres/0004_conflicts.sql
var postgresConflicts string

//go:embed migrations/postgres/0005_installation.sql
var postgresInstallation string

//go:embed migrations/postgres/0006_next.sql
var postgresNext string

//go:embed migrations/postgres/0007_withdrawals.sql
var postgresWithdrawals string

//go:embed migrations/postgres/0008_services.sql
var postgresServices string

//go:embed migrations/postgres/0009_desk.sql
var postgresDesk string

//go:embed migrations/postgres/0010_hot.sql
var postgresHot string

//go:embed migrations/postgres/0011_movements.sql
var postgresMovements string

//go:embed migrations/postgres/0012_webhooks.sql
var postgresWebhooks string

//go:embed migrations/postgres/0013_watch.sql
var postgresWatch string

//go:embed migrations/postgres/0014_requotes.sql
var postgresRequotes string

// postgresSteps are those of migrations, for PostgreSQL: step i leads to version
// i+1. It was first supported with version 3. A released step never changes.
func postgresSteps() []string {
	return []string{"", "", postgresInitial, postgresConflicts, postgresInstallation, postgresNext, postgresWithdrawals, postgresServices, postgresDesk, postgresHot, postgresMovements, postgresWebhooks, postgresWatch, postgresRequotes}
}

// prepareTables makes the tables, or brings them up to date, while nobody else
// changes anything.
func (s *Store) prepareTables(ctx context.Context, steps []string) error {
	version, err := tablesVersion(ctx, s.db, len(steps))
	if err != nil || version == len(steps) {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		version, err := tablesVersion(t.ctx, t.sql, len(steps)) // another process may have done it since
		if err != nil {
			return err
		}
		for _, step := range steps[version:] {
			if _, err := t.sql.ExecContext(t.ctx, step); err != nil {
				return err
			}
		}
		_, err = t.exec("INSERT INTO coldsign (one, version) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET version = excluded.version", len(steps))
		return err
	})
}

// tablesVersion gives the version of the schema: 0 for an empty database.
func tablesVersion(ctx context.Context, q querier, latest int) (version int, err error) {
	var schema sql.NullString
	var ours bool
	var tables int
	if err := q.QueryRowContext(ctx, `SELECT current_schema(), to_regclass('coldsign') IS NOT NULL,
 (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))`).
		Scan(&schema, &ours, &tables); err != nil {
		return 0, err
	}
	switch {
	case !schema.Valid:
		return 0, fault.New("store.open", "create the schema, or leave search_path away", "the database has no schema to keep tables in")
	case !ours && tables == 0:
		return 0, nil
	case !ours:
		return 0, fault.New("store.foreign", "create a database for it alone", "the database holds tables of another program")
	}
	err = q.QueryRowContext(ctx, "SELECT version FROM coldsign").Scan(&version)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && version < 1:
		return 0, fault.New("store.foreign", "create a database for it alone", "the database holds tables of another program")
	case err == nil && version > latest:
		return 0, errNewer(int64(version), int64(latest))
	}
	return version, err
}

func errNewer(version, known int64) error {
	return fault.New("store.newer", "use the newer version of this program", "the database has schema %d, and this program knows schemas up to %d", version, known)
}
