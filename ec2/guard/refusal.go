package guard

import (
	"fmt"
	"net/http"
)

// What a client has sent is quoted and cut in messages, so that it can stand in a
// document and in a log. The codes are those of AWS's "Common errors", where it has one.

func denied(format string, args ...any) *Refusal {
	return &Refusal{"AccessDeniedException", fmt.Sprintf(format, args...), http.StatusForbidden, ""}
}

func foreignHost(host string) *Refusal {
	const remedy = "ask for localhost or its IP address, or permit the name with --ec2-host NAME"
	if host == "" {
		return denied("The request has no Host: " + remedy + ".")
	}
	return denied("The Host %.200q is not this endpoint: %s.", host, remedy)
}

func tooLarge(limit int64) *Refusal {
	return &Refusal{"RequestEntityTooLargeException", fmt.Sprintf("The body of the request has more than %d bytes.", limit), http.StatusRequestEntityTooLarge, ""}
}

func unsupported(format string, args ...any) *Refusal {
	return &Refusal{"UnsupportedMediaType", fmt.Sprintf(format, args...), http.StatusUnsupportedMediaType, ""}
}
