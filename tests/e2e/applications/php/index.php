<?php
// PHP's own sessions, once for each way that session.cache_limiter has of saying who may store the page.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
[, $limiter, $page] = explode('/', $path . '//');
if ($limiter === 'plain') {     // no session, nothing said
    exit("<p>the same for all</p>");
}
session_cache_limiter($limiter === 'silent' ? '' : $limiter);
session_start();
if ($page === 'login') {
    session_regenerate_id();
    $_SESSION['user'] = $_POST['user'];
    header('Location: /nocache/', true, 303);
    exit;
}
if ($limiter === 'silent') {    // an entity tag of the page's own, as many a framework adds
    header('ETag: "' . md5($_SESSION['user'] ?? '') . '"');
}
echo $limiter === 'public' ? '<p>the same for all</p>' : '<p>Hello ' . htmlspecialchars($_SESSION['user'] ?? 'visitor') . '</p>';
