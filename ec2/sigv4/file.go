package sigv4

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxFile bounds a credentials file, in bytes.
const maxFile = 1 << 20

// LoadCredentials reads access keys from a file in the format of AWS's shared
// credentials file: a profile for each user, with aws_access_key_id,
// aws_secret_access_key and, for keys of a session, aws_session_token. The file
// must be root's or the caller's own, and nobody else may read or write it
// (chmod 600). Errors name the file and, for what is in it, the line.
func LoadCredentials(path string) (Keys, error) {
	// O_NONBLOCK, so that a pipe is refused and not waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Keys{}, fmt.Errorf("credentials: %w", err)
	}
	defer f.Close()
	info, err := f.Stat() // of what was opened, whatever the path leads to by now
	if err != nil {
		return Keys{}, fmt.Errorf("credentials: %w", err)
	}
	owner := -1
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(s.Uid)
	}
	if problem := distrust(info.Mode(), owner, os.Geteuid()); problem != "" {
		return Keys{}, fmt.Errorf("credentials: %s: %s", path, problem)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return Keys{}, fmt.Errorf("credentials: %w", err)
	case len(data) > maxFile:
		return Keys{}, fmt.Errorf("credentials: %s: it has more than %d bytes", path, maxFile)
	}
	keys, err := parseCredentials(path, string(data))
	if err != nil {
		return Keys{}, fmt.Errorf("credentials: %w", err)
	}
	return keys, nil
}

// distrust returns why a file of secrets is not to be believed, "" if it is.
func distrust(mode fs.FileMode, owner, us int) string {
	switch open := mode.Perm() & 0o077; {
	case !mode.IsRegular():
		return "it is not a regular file"
	case owner != 0 && owner != us:
		return fmt.Sprintf("it belongs to user %d, who could replace the keys: want root or user %d: chown it", owner, us)
	case open&0o022 != 0:
		return fmt.Sprintf("its mode is %04o: others can replace the keys: chmod 600 it, and make new keys", mode.Perm())
	case open != 0:
		return fmt.Sprintf("its mode is %04o: others can read the secret keys: chmod 600 it, and make new keys", mode.Perm())
	}
	return ""
}
