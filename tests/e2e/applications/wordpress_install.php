<?php
// Sets WordPress up in an empty database: users, posts, one of them behind a password, and addresses that are readable.
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = 'test.example';
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('The site', 'admin', 'admin@test.example', true, '', 'admin-password-9');
update_option('siteurl', 'http://test.example');
update_option('home', 'http://test.example');
foreach (['alice', 'bob'] as $name) {
    wp_insert_user(['user_login' => $name, 'user_pass' => "$name-password-9", 'user_email' => "$name@test.example",
        'display_name' => "$name-displayed", 'role' => 'author', 'show_admin_bar_front' => 'true']);
}
wp_insert_post(['post_title' => 'News', 'post_name' => 'news', 'post_content' => 'the same for all', 'post_status' => 'publish']);
wp_insert_post(['post_title' => 'Closed', 'post_name' => 'closed', 'post_content' => 'behind-the-password',
    'post_status' => 'publish', 'post_password' => 'open']);
wp_insert_post(['post_title' => 'Draft', 'post_name' => 'draft', 'post_content' => 'alice-draft', 'post_status' => 'private',
    'post_author' => username_exists('alice')]);
global $wp_rewrite;
$wp_rewrite->set_permalink_structure('/%postname%/');
$wp_rewrite->flush_rules(false);
