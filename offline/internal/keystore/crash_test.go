package keystore

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"coldsign/shared/chain/registry"
)

// crasher names the home that a child process saves to until it is killed.
const crasher = "COLDSIGN_TEST_KEYSTORE"

func TestMain(m *testing.M) {
	if home := os.Getenv(crasher); home != "" {
		saveForEver(home)
	}
	if home := os.Getenv(crasher + "_PASSPHRASE"); home != "" {
		changeForEver(home)
	}
	if home := os.Getenv(crasher + "_RESTORE"); home != "" {
		restoreForEver(home)
	}
	os.Exit(m.Run())
}

// kills is how many times a process is killed: 20, or as many as COLDSIGN_KILLS says.
func kills() int {
	n, err := strconv.Atoi(os.Getenv("COLDSIGN_KILLS"))
	if err != nil || n < 20 {
		return 20
	}
	return n
}

// saveForEver says each wallet only once Save has returned.
func saveForEver(home string) {
	ks, err := Open(home, pass, registry.New())
	for err == nil {
		ks.factor = 4
		var info Info
		if info, err = ks.NewWallet("ETH", true, "", now); err == nil {
			if err = ks.Save(); err == nil {
				_, err = fmt.Println(info.ID)
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

// ATT-69: killed at any moment, the keystore opens and holds every wallet that
// was told.
func TestATT69Killed(t *testing.T) {
	ks := quick(t)
	home := filepath.Dir(ks.path)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for range kills() {
		cmd := exec.Command(exe)
		cmd.Env, cmd.Stderr = append(os.Environ(), crasher+"="+home), os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(out)
		if !scan.Scan() {
			t.Fatal("the child ended by itself")
		}
		time.AfterFunc(time.Duration(rand.IntN(8000))*time.Microsecond, func() { cmd.Process.Kill() })
		for ok := true; ok; ok = scan.Scan() {
			told = append(told, scan.Text())
		}
		if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != -1 {
			t.Fatal("the child was not killed")
		}
		again := reopen(t, ks)
		list := again.List()
		if len(list) < len(told) || len(list) > len(told)+1 {
			t.Fatalf("%d wallets, %d were told", len(list), len(told))
		}
		for i, id := range told {
			if list[i].ID.String() != id {
				t.Fatalf("wallet %d is %s, told was %s", i, list[i].ID, id)
			}
		}
		// What was saved and not told is there to stay.
		for _, info := range list[len(told):] {
			told = append(told, info.ID.String())
		}
	}
	if len(told) < 20 {
		t.Errorf("only %d wallets", len(told))
	}
}
