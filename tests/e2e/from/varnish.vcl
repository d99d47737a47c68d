# A magazine behind Varnish: cookies of statistics don't count, pages of an account aren't stored, fields are edited, and an
# editor purges a URL or everything with a tag. What it does is what the Varnish users' guide shows ("Purging and banning",
# "Increasing your hit rate", "Changing headers") at varnish-cache.org/docs.
vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "@APP@";
    .first_byte_timeout = 60s;
}

acl editors {
    "127.0.0.1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ editors) {
            return (synth(403));
        }
        return (purge);
    }
    if (req.method == "BAN") {
        if (client.ip !~ editors) {
            return (synth(403));
        }
        ban("obj.http.Cache-Tag ~ (^|,)" + req.http.X-Tag + "(,|$)");
        return (synth(200));
    }
    set req.url = regsuball(req.url, "(\?|&)utm_[^&]*", "\1");
    set req.url = regsuball(req.url, "(\?|&)(&|$)", "");
    if (req.url ~ "^/moved(/|$)") {
        return (synth(301));
    }
    if (req.url ~ "^/account/") {
        return (pass);
    }
    if (req.http.Cookie !~ "(^|; )session=") {
        unset req.http.Cookie;
    }
    unset req.http.X-Debug;
}

sub vcl_backend_response {
    set beresp.grace = 10m;
    if (bereq.url ~ "^/static/") {
        set beresp.ttl = 1h;
        unset beresp.http.Set-Cookie;
        return (deliver);
    }
    if (beresp.status == 404) {
        set beresp.ttl = 30s;
    }
}

sub vcl_deliver {
    unset resp.http.X-Powered-By;
    unset resp.http.Cache-Tag;
    set resp.http.X-Frame-Options = "DENY";
}

sub vcl_synth {
    if (resp.status == 301) {
        set resp.http.Location = "https://" + req.http.host + "/new";
        set resp.http.X-Frame-Options = "DENY";
        set resp.body = "";
        return (deliver);
    }
}
